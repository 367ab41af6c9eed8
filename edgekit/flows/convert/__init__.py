"""Convert a float model into verified artifacts: plan the recipes, make the float hubs once, then one child process per recipe."""

from __future__ import annotations

from dataclasses import replace

from edgekit.converters.agreements import ask_runtimes
from edgekit.converters.publish import writable_folder
from edgekit.converters.source import recognise
from edgekit.converters.workshop import Answer, Workshop, workshop
from edgekit.core.artifact import Layers, SourceModel
from edgekit.core.errors import EdgekitError
from edgekit.core.jsonio import as_data
from edgekit.core.protocols import Progress
from edgekit.core.quantity import Note
from edgekit.flows.convert.data import prepare_data
from edgekit.flows.convert.mixing import weigh
from edgekit.flows.convert.plan import ConvertPlan, left_out, plan, require_packages, without_effect
from edgekit.flows.convert.request import DEFAULT_OUT, ConvertRequest
from edgekit.flows.convert.result import ConvertResult, ConvertRow, Failure
from edgekit.flows.convert.rows import advice, remarks, row, stale_note, write

__all__ = ["DEFAULT_OUT", "ConvertRequest", "ConvertResult", "ConvertRow", "Failure", "conduct", "convert", "plan"]


def convert(request: ConvertRequest, *, progress: Progress) -> ConvertResult:
    """Convert, verify and write; raise UsageError, ModelError or SetupError when nothing can be made."""
    try:
        source = recognise(request.model, allow_unsafe=request.settings.allow_unsafe)
        planned = plan(request, source.format)
        require_packages(source, planned)
        with writable_folder(request.out), workshop(source, progress=progress, settings=planned.settings) as shop:
            return conduct(request, planned, shop)
    except EdgekitError as error:
        error.do = advice(error, request)
        raise


def conduct(request: ConvertRequest, planned: ConvertPlan, shop: Workshop) -> ConvertResult:
    """Make, verify and publish everything planned."""
    data = prepare_data(request, planned, shop.source.ports or shop.inspect(), shop.folder)
    shapes = {name: list(array.shape[1:]) for name, array in data.proof.inputs.items()}
    facts, failed_hubs = shop.make_hubs(planned.hubs, shapes)
    layers: tuple[Layers, ...] = ()
    weighed: tuple[Note, ...] = ()
    if request.mixed or request.sensitivity:
        planned, layers, weighed = weigh(request, planned, shop, failed_hubs)
        request, shop = replace(request, settings=planned.settings), replace(shop, settings=planned.settings)
    answers = shop.make_recipes(
        planned.recipes, hubs=failed_hubs, demands=request.demands, file=lambda recipe: shop.folder / planned.file(recipe)
    )
    if request.settings.runtime_agreement:
        _add_agreements(planned, shop, answers)
    source = SourceModel(
        path=str(request.model),
        sha256=shop.source.sha256,
        format=shop.source.format,
        family=facts["family"],
        weights_sha256=facts["weights_sha256"],
        parameters=facts["parameters"],
        name=planned.name,
    )
    rows = tuple(
        row(recipe, answers[recipe.key], source, shop.folder / planned.file(recipe), data, facts, request) for recipe in planned.recipes
    )
    shop.progress.step("writing the artifacts")
    written = write(rows, data, shop.folder, request.out)
    made = (*remarks(facts["notes"]), *(note for hub in planned.hubs for note in remarks(shop.hub(hub)["notes"])))
    absent = (*left_out(request, planned, shop.source.format), *without_effect(request, planned))
    notes = (*absent, *weighed, *data.calibration_notes, *data.notes, *dict.fromkeys(made), *stale_note(request.out, source, written, data))
    return ConvertResult(source=source, rows=rows, notes=notes, layers=layers)


def _add_agreements(planned: ConvertPlan, shop: Workshop, answers: dict[str, Answer]) -> None:
    """Put into each answer how far other runtimes agree with the gate's on the artifact, where it has one that loads."""
    files = {recipe.key: shop.folder / planned.file(recipe) for recipe in planned.recipes}
    loaded = {key: answer["verification"] for key, answer in answers.items() if isinstance(answer, dict) and answer["inputs"]}
    for key, agreements in ask_runtimes(shop, {key: files[key] for key in loaded}).items():
        loaded[key]["agreements"] = as_data(agreements)
