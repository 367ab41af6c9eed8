"""Every error says what, why and what to do, under a code that the troubleshooting page explains."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.cli.commands import COMMANDS
from edgekit.cli.errors import as_text
from edgekit.core import errors
from edgekit.core.errors import EdgekitError, UsageError, missing_extra, missing_file, unknown_name
from edgekit.registry import METERS, meter_class
from tests.conftest import REPOSITORY

EXIT_CODES = {
    "UsageError": 2,
    "GateError": 3,
    "HardwareError": 4,
    "ModelError": 5,
    "SetupError": 6,
    "InconclusiveError": 7,
    "InterruptedRun": 130,
}


@pytest.mark.parametrize(("name", "code"), EXIT_CODES.items())
def test_each_kind_of_error_has_its_exit_code(name: str, code: int) -> None:
    assert getattr(errors, name).exit_code == code


def test_an_error_reads_like_a_conversation() -> None:
    error = UsageError(
        "meter um25c sent nothing for 3.0 s",
        code="meter.silent",
        why="/dev/rfcomm0 opened, 0 bytes of 130 received",
        do=[("switch the meter on and connect it:", "bluetoothctl connect AA:BB"), ("or list what is present:", "edgekit meters --all")],
    )
    assert as_text(error) == (
        "error: meter um25c sent nothing for 3.0 s\n"
        "  why  /dev/rfcomm0 opened, 0 bytes of 130 received\n"
        "  do   switch the meter on and connect it:   bluetoothctl connect AA:BB\n"
        "       or list what is present:              edgekit meters --all\n"
        "  more docs/troubleshooting.md#meter-silent   [meter.silent]\n"
    )


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    error = unknown_name("recipe", "int9", ["int8", "fp16", "int16"], list_command="edgekit convert --help")
    assert error.code == "recipe.unknown"
    assert error.why == "known: fp16, int16, int8"
    assert error.do[0][0].startswith("did you mean int")
    assert error.do[-1] == ("list every recipe:", "edgekit convert --help")


def test_a_missing_extra_names_the_command_that_installs_it() -> None:
    error = missing_extra("tensorflow", "convert", "converting a Keras model")
    assert (error.exit_code, error.do[0][1]) == (6, 'pip install "edgekit[convert]" -c constraints.txt')
    assert missing_file("x.keras", "model").exit_code == 2


CODE = re.compile(r"bug|[a-z]+\.[a-z0-9_]+")
POSITIONAL = {"Refusal", "Saying", "_wrong"}  # calls that take the code without naming it


def codes_in(path: Path) -> Iterator[str]:
    """Return every code that one module gives to an error (codes of notes have no entry on the page)."""
    for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
        name = call.func.id if isinstance(call.func, ast.Name) else call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if name == "unknown_name" and call.args:
            yield from (f"{kind}.unknown" for kind in literals(call.args[0]))
        elif name in POSITIONAL:
            yield from (text for value in call.args for text in literals(value) if CODE.fullmatch(text))
        elif name not in ("Note", "Cell"):
            yield from (text for keyword in call.keywords if keyword.arg == "code" for text in literals(keyword.value))


def literals(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Constant):
        yield str(value.value)
    elif isinstance(value, ast.IfExp):
        yield from literals(value.body)
        yield from literals(value.orelse)


def unusable_meters() -> set[str]:
    return {f"meter.{name}_unusable" for name in METERS if hasattr(meter_class(name), "counter")}


USED = sorted(
    {code for path in (REPOSITORY / "edgekit").rglob("*.py") for code in codes_in(path)}
    | unusable_meters()
    | {
        "device.unknown",
        "emulator.unknown",
        "environment.unknown",
        "exporter.unknown",
        "importer.unknown",
        "meter.unknown",
        "usage.arguments",
    }
)
PAGE = REPOSITORY / "docs" / "troubleshooting.md"


@pytest.mark.parametrize("code", USED)
def test_every_code_is_explained_on_the_troubleshooting_page(code: str) -> None:
    assert re.search(rf"^### {re.escape(code.replace('.', '-'))}\n\n\S", PAGE.read_text(), re.MULTILINE)


def test_the_troubleshooting_page_explains_nothing_that_cannot_happen() -> None:
    explained = re.findall(r"^### (\S+)$", PAGE.read_text(), re.MULTILINE)
    assert len(explained) == len(set(explained))
    assert sorted(set(explained) - {code.replace(".", "-") for code in USED}) == []


def test_every_code_is_a_word_with_a_subject() -> None:
    assert [code for code in USED if not CODE.fullmatch(code)] == []


def test_the_base_error_is_a_bug() -> None:
    assert EdgekitError.exit_code == 1


def pasted_commands() -> Iterator[tuple[str, str]]:
    """Return (file, text) for every edgekit command that the package offers to paste: the second half of (advice, command)."""
    for path in (REPOSITORY / "edgekit").rglob("*.py"):
        for pair in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Tuple) and len(node.elts) == 2):
            text = ast.unparse(pair.elts[1]).lstrip("f").strip("'\"")
            if text.startswith("edgekit "):
                yield path.name, text


def test_every_command_that_an_error_offers_exists() -> None:
    offered = list(pasted_commands())
    assert len(offered) > 20
    assert [(file, text) for file, text in offered if text.split()[1] not in {*COMMANDS, "-v", "--help", "..."}] == []
