"""Decide which layers of which recipe stay in float, by the user's word or by measurement."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from edgekit.converters.base import Recipe, mixed
from edgekit.converters.workshop import Workshop
from edgekit.core.artifact import Layers
from edgekit.core.errors import EdgekitError, ModelError, SetupError, UsageError
from edgekit.core.quantity import Note
from edgekit.flows.convert.plan import ConvertPlan
from edgekit.flows.convert.request import ConvertRequest

AUTO = "auto"


def quantized(recipe: Recipe) -> bool:
    """Return True for a recipe that loses something layer by layer."""
    return "int" in recipe.weights


def weigh(
    request: ConvertRequest, planned: ConvertPlan, shop: Workshop, missing: Collection[str]
) -> tuple[ConvertPlan, tuple[Layers, ...], tuple[Note, ...]]:
    """Return the plan with mixed recipes in the place of whole ones, what was found out about the layers, and remarks.

    `missing` names hubs that could not be made. Raises UsageError when no recipe quantizes anything.
    """
    able = [recipe for recipe in planned.recipes if quantized(recipe) and recipe.hub not in missing and recipe.format != "ort"]
    if not any(quantized(recipe) for recipe in planned.recipes):
        raise UsageError(
            "there is no layer to weigh",
            code="layers.none",
            why="none of the recipes quantizes a layer",
            do=[("ask for one that does:", "edgekit convert ... -r int8 --calib inputs.npz")],
        )
    if request.mixed not in (None, AUTO):
        words = tuple(word for word in (request.mixed or "").split(",") if word)
        return _keeping(planned, {recipe.key: words for recipe in able}), _all_losses(able, shop) if request.sensitivity else (), ()
    found: list[Layers] = []
    notes: list[Note] = []
    keep: dict[str, tuple[str, ...]] = {}
    for recipe in able:
        floor_db = request.demands(recipe).min_sqnr_db
        floor_db = (recipe.min_sqnr_db if floor_db is None else floor_db) if request.mixed else None
        try:
            layers = shop.weigh_layers(recipe, floor_db=floor_db)
        except (SetupError, UsageError):
            raise
        except EdgekitError as error:  # the recipe itself will say the same of its artifact
            notes.append(Note(code="layers.unknown", text=f"{recipe.key}: {error.what}: {error.why}"))
            continue
        found.append(layers)
        if layers.kept:
            keep[recipe.key] = layers.kept
        if floor_db is not None:
            notes.append(_said(recipe, layers, floor_db))
    return _keeping(planned, keep), tuple(found), tuple(notes)


def _all_losses(recipes: list[Recipe], shop: Workshop) -> tuple[Layers, ...]:
    found = []
    for recipe in recipes:
        try:
            found.append(shop.weigh_layers(recipe, floor_db=None))
        except ModelError:
            continue
    return tuple(found)


def _keeping(planned: ConvertPlan, keep: dict[str, tuple[str, ...]]) -> ConvertPlan:
    recipes = tuple(mixed(recipe) if recipe.key in keep else recipe for recipe in planned.recipes)
    kept = {made.key: keep[recipe.key] for recipe, made in zip(planned.recipes, recipes, strict=True) if recipe.key in keep}
    return replace(planned, recipes=recipes, settings=replace(planned.settings, keep={**planned.settings.keep, **kept}))


def _said(recipe: Recipe, layers: Layers, floor_db: float) -> Note:
    count = len(layers.layers)
    if not layers.kept:
        return Note(code="layers.kept", text=f"{recipe.key}: no layer has to stay in float for {floor_db:g} dB")
    share = sum(loss.weights for loss in layers.layers if loss.layer in layers.kept) / sum(loss.weights for loss in layers.layers)
    reached = "" if (layers.mixed_db or 0.0) >= floor_db else f", which does not reach {floor_db:g} dB"
    text = f"{recipe.key}: {len(layers.kept)} of {count} layers ({share:.1%} of the weights) stay in float: {layers.mixed_db:.1f} dB"
    return Note(code="layers.kept", text=text + reached)
