"""Group the options of long commands under headings, in the order in which a newcomer asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typer.core import TyperCommand

EVERYWHERE = "Everywhere"

HEADINGS: Mapping[str, Mapping[str, str]] = {
    "bench": {
        "What and where": "device meter engine threads delegate delegate_option precision prepare",
        "How long": "quick until max_time windows window idle idle_between warmup cooldown cold_starts plan",
        "The load": "batch rate spin pre post raw",
        "The method": "profile cool_to cool_at_most sample_hz sync max_sync_error",
        "Output": "runs tag reanalyse",
    },
    "convert": {
        "What to make": "recipe to target out name",
        "How it is checked": "eval min_sqnr max_accuracy_drop sensitivity runtime_agreement",
        "How it is quantized": "calib percentile mixed",
        "Loading and limits": "allow_unsafe_model custom_objects memory timeout",
    },
}
"""The options of a command by heading, as they are typed without dashes; whatever stands under none belongs to every command."""


class Headed(TyperCommand):
    """Write the options of a command under the headings they have."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return --help, which stands with the options that all commands have."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.rich_help_panel = EVERYWHERE
        return option

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then each heading with its options."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            usual = "Arguments" if parameter.param_type_name == "argument" else EVERYWHERE
            if record is not None:
                sections.setdefault(getattr(parameter, "rich_help_panel", None) or usual, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def arrange(command: Any, headings: Mapping[str, str]) -> None:
    """Put the options of a command in the order of its headings, each under its own."""
    places = {name: (title, place) for place, (title, name) in enumerate((t, n) for t, names in headings.items() for n in names.split())}

    def place(parameter: Any) -> int:
        title, found = places.get(_typed(parameter), (None, -1 if parameter.param_type_name == "argument" else len(places)))
        parameter.rich_help_panel = title or parameter.rich_help_panel
        return found

    command.params.sort(key=place)


def _typed(parameter: Any) -> str:
    return str(max(parameter.opts, key=len)).removeprefix("--").replace("-", "_")
