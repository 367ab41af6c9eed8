"""List the recipes: what a float model can be turned into, and the floors that each result has to meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from edgekit.core.errors import UsageError, unknown_name

FORMATS: Final = ("tflite", "onnx", "ort")
USUAL_FORMATS: Final = ("tflite", "onnx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Describe one way to convert: the scheme it promises, and the floors that tell it from a silent failure.

    `weights` is how they are stored, `activations` the number format in which layers are computed ("dynamic int8": float in and out,
    quantized as they go), `io` that of inputs and outputs. `min_sqnr_db` is the least agreement with the source's outputs, `min_share`
    the least share of weight elements held in `weights`, `min_computed` that of multiply-accumulates made in `activations`.
    `usual` recipes are made when none is named.
    """

    name: str
    format: str
    weights: str
    activations: str
    min_sqnr_db: float
    min_share: float = 0.95
    min_computed: float = 0.95
    needs_calibration: bool = False
    io: str = "float32"
    usual: bool = False

    @property
    def key(self) -> str:
        """Return recipe and format as in the file name: "int8.tflite"."""
        return f"{self.name}.{self.format}"

    @property
    def hub(self) -> str:
        """Return the format of the float hub that it is made of."""
        return "onnx" if self.format == "ort" else self.format

    @property
    def scheme(self) -> str:
        """Return the promised scheme in words."""
        return scheme(self.weights, self.activations)


def scheme(weights: str, activations: str) -> str:
    """Return the words for a pair of number formats; used for what was asked and for what was found alike."""
    return f"{weights} weights, {activations} activations"


def _recipe(name: str, format: str, weights: str, activations: str, min_sqnr_db: float, **more: Any) -> Recipe:  # noqa: A002
    return Recipe(name=name, format=format, weights=weights, activations=activations, min_sqnr_db=min_sqnr_db, **more)


_FOUR_BITS: Final = 0.7  # depthwise convolutions stay in eight: LiteRT has no kernels, and so few weights share a scale
_HALF: Final = 0.5  # products of two activations, as in attention, and transposed convolutions have no dynamic form

# The floors are those of one trained network (33.7 dB at int8): low enough for harder ones, high enough to catch a wrong path.
RECIPES: Final = (
    _recipe("fp32", "tflite", "float32", "float32", 80.0, usual=True),
    _recipe("fp16", "tflite", "float16", "float32", 40.0, usual=True),
    _recipe("dynamic", "tflite", "int8", "dynamic int8", 20.0, min_computed=_HALF),
    _recipe("w8", "tflite", "int8", "float32", 20.0),
    _recipe("w4", "tflite", "int4", "float32", 10.0, min_share=_FOUR_BITS),
    _recipe("int8", "tflite", "int8", "int8", 20.0, needs_calibration=True, usual=True),
    _recipe("int8-full", "tflite", "int8", "int8", 20.0, needs_calibration=True, io="int8"),
    _recipe("int16x8", "tflite", "int8", "int16", 25.0, needs_calibration=True),
    _recipe("fp32", "onnx", "float32", "float32", 80.0, usual=True),
    _recipe("fp16", "onnx", "float16", "float16", 40.0),
    _recipe("dynamic", "onnx", "int8", "dynamic int8", 20.0, min_computed=_HALF),
    _recipe("w8", "onnx", "int8", "float32", 20.0),
    _recipe("w4", "onnx", "int4", "float32", 10.0, min_share=_FOUR_BITS),
    _recipe("int8", "onnx", "int8", "uint8", 20.0, needs_calibration=True, usual=True),
    _recipe("int16x8", "onnx", "int8", "uint16", 25.0, needs_calibration=True),
    _recipe("fp32", "ort", "float32", "float32", 80.0),
    _recipe("int8", "ort", "int8", "uint8", 20.0, needs_calibration=True),
)


_MIXED: Final = "-mixed"


def recipe_of(key: str, onnx_activations: str = "uint8") -> Recipe:
    """Return the recipe with a key, its activations signed in ONNX where `onnx_activations` is "int8"."""
    name, _, format = key.rpartition(".")  # noqa: A001
    recipe = next(recipe for recipe in RECIPES if recipe.key == f"{name.removesuffix(_MIXED)}.{format}")
    recipe = mixed(recipe) if name.endswith(_MIXED) else recipe
    return signed(recipe) if onnx_activations == "int8" else recipe


def mixed(recipe: Recipe) -> Recipe:
    """Return `recipe` as one that keeps some layers in float: it has a name of its own, so that nobody takes it for the whole."""
    return replace(recipe, name=recipe.name + _MIXED)


def whole(recipe: Recipe) -> Recipe:
    """Return the recipe that `mixed` made another of; any other as it is."""
    return replace(recipe, name=recipe.name.removesuffix(_MIXED))


def signed(recipe: Recipe) -> Recipe:
    """Return `recipe` with activations that have a sign, which ONNX Runtime computes faster on ARM; TFLite's have one anyway."""
    kind = recipe.activations
    return replace(recipe, activations=kind.removeprefix("u")) if kind in ("uint8", "uint16") else recipe


def choose(names: Sequence[str], formats: Sequence[str], *, calibrated: bool) -> tuple[Recipe, ...]:
    """Return the recipes asked for, each once; with no names, the usual ones that can be made.

    Raises UsageError for a name or format nobody knows, for a pair that does not exist, and for int8 without calibration data.
    """
    for name in formats:
        if name not in FORMATS:
            raise unknown_name("format", name, FORMATS, list_command="edgekit convert --help")
    known = {recipe.name for recipe in RECIPES}
    for name in names:
        if name not in known:
            raise unknown_name("recipe", name, known, list_command="edgekit convert --help")
    wanted = [recipe for recipe in RECIPES if recipe.format in (formats or USUAL_FORMATS)]
    if not names:
        able = [recipe for recipe in wanted if calibrated or not recipe.needs_calibration]
        return tuple([recipe for recipe in able if recipe.usual] or able)
    for name in names:
        _refuse_missing(name, [recipe for recipe in wanted if recipe.name == name], formats, calibrated=calibrated)
    return tuple(recipe for recipe in wanted if recipe.name in names)


def _refuse_missing(name: str, found: Sequence[Recipe], formats: Sequence[str], *, calibrated: bool) -> None:
    if not found:
        others = sorted({recipe.format for recipe in RECIPES if recipe.name == name})
        raise UsageError(
            f"there is no recipe {name} for {' or '.join(formats)}",
            code="recipe.format",
            why=f"{name} exists for {', '.join(others)}",
            do=[("convert to that format:", f"edgekit convert ... -r {name} --to {others[0]}")],
        )
    if not calibrated and any(recipe.needs_calibration for recipe in found):
        raise UsageError(
            f"recipe {name} needs calibration data",
            code="calibration.missing",
            why="the ranges of the activations are read from sample inputs; without them the result would silently stay float",
            do=[("give about 100 typical inputs:", "edgekit convert ... --calib inputs.npz")],
        )
