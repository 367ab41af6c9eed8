"""Say how each kind of source reaches its float hubs, and what has to be installed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from edgekit.core.errors import EdgekitError


@dataclass(frozen=True, slots=True, kw_only=True)
class Detour:
    """Describe another way to the float hubs, taken in a child process of its own when the first way fails.

    `route` is what the child is told, `through` names it in remarks; `packages` are imported, `extra` installs them.
    """

    route: str
    through: str
    packages: tuple[str, ...]
    extra: str

    def missing(self) -> str | None:
        """Return the first package that is not installed."""
        return next((package for package in self.packages if find_spec(package) is None), None)


ROUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "keras": ("tflite", "onnx"),
    "h5": ("tflite", "onnx"),
    "saved_model": ("tflite", "onnx"),
    "pt2": ("tflite", "onnx"),
    "torch": ("tflite", "onnx"),
    "tflite": ("tflite",),
    "onnx": ("onnx", "tflite"),
}

# What a source needs besides its hubs' own packages.
FRAMEWORKS: Final[Mapping[str, str]] = {
    "keras": "tensorflow",
    "h5": "tensorflow",
    "saved_model": "tensorflow",
    "pt2": "torch",
    "torch": "torch",
}

_KERAS_ON_TORCH: Final = Detour(route="torch", through="Keras on PyTorch", packages=("torch", "litert_torch", "onnxscript"), extra="torch")

DETOURS: Final[Mapping[str, Detour]] = {"keras": _KERAS_ON_TORCH, "h5": _KERAS_ON_TORCH}
FINAL: Final = frozenset({"convert.limit", "convert.memory"})  # no other way is lighter


def reason(error: EdgekitError) -> str:
    """Return why the usual way failed, in as many words as a remark has room for."""
    return error.what if error.code == "model.operator" else error.why


def advise(error: EdgekitError, detour: Detour, package: str) -> EdgekitError:
    """Return the failure of the usual way with the advice to install what `detour` needs, of which `package` is missing."""
    line = (
        f"or let {detour.through} try, which needs {package.replace('_', '-')}:",
        f'pip install "edgekit[{detour.extra}]" -c constraints.txt',
    )
    return type(error)(error.what, code=error.code, why=error.why, do=[*error.do, line], data=error.data)


def both(error: EdgekitError, other: EdgekitError, detour: Detour) -> EdgekitError:
    """Return the failure of the usual way with what the other way said."""
    why = f"{error.why}; {detour.through} failed as well: {other.why or other.what}"
    return type(error)(error.what, code=error.code, why=why, do=error.do, data=error.data)


def without_moot(failures: Mapping[str, EdgekitError], formats: Sequence[str]) -> dict[str, EdgekitError]:
    """Return failures by format without advice to convert to one of `formats`: that was done, or failed as well."""
    for error in failures.values():
        error.do = tuple(line for line in error.do if not line[1].endswith(tuple(f"--to {name}" for name in formats)))
    return dict(failures)
