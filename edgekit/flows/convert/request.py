"""State what to convert, and say it again as a command line."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgekit.converters.base import Recipe, whole
from edgekit.converters.settings import MINMAX, Settings
from edgekit.converters.verify.evidence import Demands

DEFAULT_OUT = Path("artifacts")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertRequest:
    """Hold what to convert.

    `calibration` and `evaluation` are .npz or .npy files. `min_sqnr_db` moves floors by recipe name, `max_accuracy_drop` (a share) is the
    most that accuracy on the `evaluation` may fall.
    """

    model: Path
    out: Path
    recipes: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    calibration: Path | None = None
    evaluation: Path | None = None
    name: str | None = None
    min_sqnr_db: Mapping[str, float] = field(default_factory=dict)
    max_accuracy_drop: float | None = None
    settings: Settings = field(default_factory=Settings)
    mixed: str | None = None
    sensitivity: bool = False

    def demands(self, recipe: Recipe) -> Demands:
        """Return what the artifact of `recipe` has to meet."""
        return Demands(
            min_sqnr_db=self.min_sqnr_db.get(whole(recipe).name),
            max_accuracy_drop=self.max_accuracy_drop,
            kept=tuple(self.settings.keep.get(recipe.key, ())),
        )

    def command(self, change: str = "") -> str:
        """Return the command line of this request with the options of `change`, whose formats and recipes take the place of its own."""
        options: list[tuple[str, Iterable[object]]] = [
            ("--to", () if "--to " in change else self.formats),
            ("-r", () if "--to " in change or "-r " in change else self.recipes),
            ("--calib", [self.calibration] if self.calibration else ()),
            ("--eval", [self.evaluation] if self.evaluation else ()),
            ("--out", [self.out] if self.out != DEFAULT_OUT else ()),
            ("--name", [self.name] if self.name else ()),
            ("--target", [self.settings.target] if self.settings.target else ()),
            ("--percentile", [self.settings.calibration] if self.settings.calibration != MINMAX else ()),
            ("--custom-objects", self.settings.custom_objects),
            ("--mixed", [self.mixed] if self.mixed and "--sensitivity" not in change else ()),
            ("--min-sqnr", [f"{name}={floor:g}" for name, floor in self.min_sqnr_db.items()]),
            ("--max-accuracy-drop", [] if self.max_accuracy_drop is None else [f"{100 * self.max_accuracy_drop:g}%"]),
        ]
        words = [
            "edgekit",
            "convert",
            str(self.model),
            *(str(word) for option, values in options for value in values for word in (option, value)),
        ]
        flags = {"--allow-unsafe-model": self.settings.allow_unsafe, "--runtime-agreement": self.settings.runtime_agreement}
        words += [flag for flag, given in {**flags, "--sensitivity": self.sensitivity}.items() if given and flag not in change]
        return " ".join(filter(None, (shlex.join(words), change)))
