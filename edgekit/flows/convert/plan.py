"""Choose the recipes, the name and the route, before anything is started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from edgekit.converters.base import RECIPES, Recipe, choose, recipe_of
from edgekit.converters.onnx2tf import require_environment
from edgekit.converters.routes import FRAMEWORKS, ROUTES
from edgekit.converters.settings import MINMAX, Settings
from edgekit.converters.source import Source, stem
from edgekit.converters.sources.named import named
from edgekit.converters.targets.profile import Profile, load_profile
from edgekit.core.errors import ModelError, UsageError, missing_extra, unknown_name
from edgekit.core.quantity import Note
from edgekit.flows.convert.request import ConvertRequest

_SELF = ("tflite", "onnx")
_LEAST_MEMORY_BYTES = 100_000_000
_LONGEST_NAME = 200  # leaves room for .int8.tflite.json below the 255 bytes of most file systems


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertPlan:
    """Hold the recipes to make, the name of the files, and the settings with what the target adds to them."""

    name: str
    recipes: tuple[Recipe, ...]
    settings: Settings = field(default_factory=Settings)

    @property
    def hubs(self) -> tuple[str, ...]:
        """Return the formats whose float hub is needed."""
        return tuple(dict.fromkeys(recipe.hub for recipe in self.recipes))

    def file(self, recipe: Recipe) -> str:
        """Return the name of the artifact's file."""
        return f"{self.name}.{recipe.key}"


def plan(request: ConvertRequest, source_format: str) -> ConvertPlan:
    """Return what will be made; raise UsageError for names that cannot be meant and ModelError for a route that does not exist."""
    for reference in request.settings.custom_objects:
        named(reference, "--custom-objects")
    if request.settings.memory_bytes is not None and request.settings.memory_bytes < _LEAST_MEMORY_BYTES:
        raise UsageError(
            "--memory is too little to start any converter",
            code="usage.value",
            why=f"Python with the runtime of a small model takes {_LEAST_MEMORY_BYTES // 1_000_000} MB",
            do=[("allow more, or leave it out for most of what is free:", "edgekit convert ... --memory 2GB")],
        )
    for name in request.min_sqnr_db:
        if name not in {recipe.name for recipe in RECIPES}:
            raise unknown_name("recipe", name, {recipe.name for recipe in RECIPES}, list_command="edgekit convert --help")
    formats = request.formats or ((source_format,) if source_format in _SELF else ())
    profile = load_profile(request.settings.target) if request.settings.target else None
    if profile is None or request.recipes:
        recipes = choose(request.recipes, formats, calibrated=request.calibration is not None)
    else:
        recipes = _for_target(profile, request, formats, source_format)
    hubs = {recipe.hub for recipe in recipes}
    if absent := sorted(hubs - set(ROUTES[source_format])):
        raise ModelError(
            f"a .{source_format} model is not converted to {' and '.join(absent)}",
            code="convert.route",
            why="going through another format loses layout and names; only other precisions of the same format are made",
            do=[("convert from the Keras model instead:", "edgekit convert model.keras")],
        )
    name = request.name or stem(request.model)
    if Path(name).name != name or name == ".." or not name.isprintable() or len(name.encode()) > _LONGEST_NAME:
        raise UsageError(
            f"--name {name} is not a file name",
            code="usage.value",
            why=f"it is a folder, longer than {_LONGEST_NAME} bytes, or holds what cannot be shown",
            do=[("give a plain name, and the folder with --out:", replace(request, name="model").command())],
        )
    settings = replace(request.settings, onnx_activations=profile.onnx_activations) if profile else request.settings
    recipes = tuple(recipe_of(recipe.key, settings.onnx_activations) for recipe in recipes)
    return ConvertPlan(name=name, recipes=recipes, settings=settings)


def _for_target(profile: Profile, request: ConvertRequest, formats: Sequence[str], source_format: str) -> tuple[Recipe, ...]:
    """Return the recipes that a target prefers and that can be made here, the best first; raise UsageError when there is none."""
    calibrated = request.calibration is not None
    by_key = {recipe.key: recipe for recipe in RECIPES}
    preferred = [by_key[key] for key in profile.recipes if not formats or by_key[key].format in formats]
    able = [recipe for recipe in preferred if recipe.hub in ROUTES[source_format] and (calibrated or not recipe.needs_calibration)]
    if able:
        return tuple(able)
    calib = "" if calibrated else " --calib inputs.npz"
    why = "int8 needs calibration data"
    do = [("give about 100 typical inputs:", f"edgekit convert ...{calib}"), ("or choose yourself:", "edgekit convert ... -r fp32")]
    if not any(recipe.hub in ROUTES[source_format] for recipe in preferred):
        reached = [by_key[key].format for key in profile.recipes if by_key[key].hub in ROUTES[source_format]]
        why = f"a .{source_format} model becomes none of them"
        do = [("convert the model that it was made of:", "edgekit convert model.keras")]
        if reached:
            why = f"{' and '.join(formats)} is what would be made"
            do = [("convert to what it takes:", f"edgekit convert ... --to {reached[0]}{calib}")]
    why = f"it prefers {', '.join(profile.recipes)}; {why}"
    raise UsageError(f"none of what {profile.name} prefers can be made", code="target.recipes", why=why, do=do)


def left_out(request: ConvertRequest, planned: ConvertPlan, source_format: str) -> tuple[Note, ...]:
    """Return a remark that names what would be made as well if there were calibration data."""
    if request.calibration is not None or request.recipes:
        return ()
    wanted = plan(replace(request, calibration=Path("inputs.npz")), source_format).recipes
    absent = [recipe.key for recipe in wanted if recipe not in planned.recipes]
    text = f"{', '.join(absent)} left out: without sample inputs nobody knows the ranges of the activations"
    advice = f"give about 100 typical ones: {request.command('--calib inputs.npz')}"
    return (Note(code="calibration.missing", text=text, advice=advice),) if absent else ()


def without_effect(request: ConvertRequest, planned: ConvertPlan) -> tuple[Note, ...]:
    """Return a remark on an option that changes nothing of what is made."""
    calibrated = request.calibration is not None and any(recipe.needs_calibration for recipe in planned.recipes)
    if request.settings.calibration == MINMAX or calibrated:
        return ()
    text = f"--percentile {request.settings.calibration} has no effect: nothing that is made is calibrated"
    return (Note(code="calibration.unused", text=text, advice=f"ask for what is: {request.command('-r int8')}"),)


def require_packages(source: Source, planned: ConvertPlan) -> None:
    """Raise SetupError for the first package that is missing, before anything is started."""
    needed = ["tensorflow"] if FRAMEWORKS.get(source.format) == "tensorflow" else []
    if "tflite" in planned.hubs:
        needed += ["ai_edge_litert", "ai_edge_quantizer"]
    if "onnx" in planned.hubs:
        needed += ["onnx", "onnxruntime", *(["tf2onnx"] if "tensorflow" in needed else [])]
    if source.format in ("pt2", "torch"):
        exporters = {"tflite": "litert_torch", "onnx": "onnxscript"}
        needed = ["torch", *(exporters[hub] for hub in planned.hubs), *needed]
    for package in needed:
        if find_spec(package) is None:
            extra = "torch" if package in ("torch", "litert_torch", "onnxscript") else "convert"
            raise missing_extra(package.replace("_", "-"), extra, "this conversion")
    if source.format == "onnx" and "tflite" in planned.hubs:
        require_environment()
