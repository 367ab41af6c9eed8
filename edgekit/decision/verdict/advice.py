"""Advise on what would save energy or carbon, ranked, from the runs and figures at hand alone: "saves x J (interval) because ...".

Two runs that differ in one knob (precision, batch, threads) show what the knob is worth; what one meter errs alike on both of them cancels,
as in every ratio. The duty cycle follows from the idle power of the run, the region from the grid factors of the constants.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from edgekit.core.boundary import Boundary
from edgekit.core.decision import Constant, Side
from edgekit.core.quantity import Estimate, Origin, Quantity, Unknown, merge_origins
from edgekit.core.run import RunRecord
from edgekit.core.scenario import Scenario
from edgekit.core.units import counted
from edgekit.core.weighing import Advice
from edgekit.decision.accounts.energy import Usage
from edgekit.decision.accounts.totals import average_grid
from edgekit.decision.comparison.ratio import energy_ratio
from edgekit.decision.numerals import amount, multiple
from edgekit.decision.sides.choose import energy_of, headline_channel
from edgekit.decision.sides.commands import somewhere

if TYPE_CHECKING:
    pass

MOST = 8
_KNOBS = {"recipe": "precision", "batch": "batch", "threads": "threads"}


def advice(
    runs: Sequence[RunRecord],
    chosen: Mapping[Side, RunRecord],
    scenario: Scenario,
    constants: Mapping[str, Constant],
    use: Usage,
    cloud_inside_j: Quantity,
) -> tuple[Advice, ...]:
    """Return the advice, what saves most joules first and what saves carbon alone after it; `cloud_inside_j` is inside the data centre."""
    found: list[Advice] = []
    for side, best in chosen.items():
        found += _knobs(runs, best, side)
    device = chosen.get(Side.DEVICE)
    if device is not None:
        found += _duty_cycle(device, scenario, use)
    found += [*_region(scenario, constants, cloud_inside_j), *_hour(scenario)]
    ordered = sorted(found, key=lambda item: (-(item.saves_j.value or 0.0), -_kg(item), item.what))
    return tuple(replace(item, rank=rank) for rank, item in enumerate(ordered[:MOST], 1))


def _kg(item: Advice) -> float:
    return item.saves_kg.value or 0.0 if item.saves_kg is not None else 0.0


def _knobs(runs: Sequence[RunRecord], best: RunRecord, side: Side) -> Iterator[Advice]:
    for knob in _KNOBS:
        rivals = [run for run in runs if run.id != best.id and _differs_only_in(run, best, knob)]
        for rival in rivals:
            ratio, _ = energy_ratio(best, rival)  # rival over best
            energy = energy_of(best)
            if not isinstance(ratio, Estimate) or not isinstance(energy, Estimate) or ratio.low <= 1:
                continue
            yield Advice(
                rank=0,
                what=f"{_setting(best, knob)} rather than {_setting(rival, knob)} on the {side.value}",
                side=side,
                saves_j=Estimate(
                    value=energy.value * (ratio.value - 1),
                    low=energy.value * (ratio.low - 1),
                    high=energy.value * (ratio.high - 1),
                    unit="J",
                    boundary=energy.boundary,
                    origins=merge_origins(energy.origins, ratio.origins),
                    quality=ratio.quality,
                ),
                because=f"{rival.artifact.path} took {multiple(ratio.value, 3)} times the energy of {best.artifact.path}, all else alike",
                command=shlex.join(["edgekit", "compare", best.id, rival.id]),
                evidence=(best.id, rival.id),
            )


def _differs_only_in(run: RunRecord, best: RunRecord, knob: str) -> bool:
    ours, theirs = _settings(run), _settings(best)
    return (
        run.device == best.device
        and run.plan.rate_hz is None
        and energy_of(run).boundary == energy_of(best).boundary
        and ours[knob] != theirs[knob]
        and all(ours[other] == theirs[other] for other in _KNOBS if other != knob)
    )


def _settings(run: RunRecord) -> dict[str, object]:
    return {"recipe": run.artifact.recipe, "batch": run.plan.batch, "threads": run.plan.threads}


def _setting(run: RunRecord, knob: str) -> str:
    value = _settings(run)[knob]
    return str(value) if knob == "recipe" else f"batch {value}" if knob == "batch" else counted(run.plan.threads, "thread")


def _duty_cycle(device: RunRecord, scenario: Scenario, use: Usage) -> Iterator[Advice]:
    """Yield what sleeping between inferences saves where a device is kept on for them."""
    channel = headline_channel(device)
    idle = channel.idle_w if channel is not None else None
    rest_s = 1 / use.rate_per_s - use.device_s
    kept_on = scenario.device_role in ("dedicated", "bought") and scenario.device_power == "always_on"
    if not kept_on or not isinstance(idle, Estimate) or rest_s <= 0:
        return
    loss = 1 / (use.psu_efficiency or 1.0)
    sleep_w, wake_j = scenario.sleep_w or 0.0, scenario.wake_j or 0.0
    every = f"{multiple(rest_s, 3)} s of every {multiple(1 / use.rate_per_s, 3)} s"
    saved = [loss * ((watts - sleep_w) * rest_s - wake_j) for watts in (idle.value, idle.low, idle.high)]
    if saved[1] <= 0:
        return
    known = scenario.sleep_w is not None and scenario.wake_j is not None
    rest = "" if known else "; what sleeping and waking take is not stated, so this is the most it can save"
    yield Advice(
        rank=0,
        what="let the device sleep between two inferences",
        side=Side.DEVICE,
        saves_j=Estimate(value=saved[0], low=min(saved), high=max(saved), unit="J", boundary=use.device_at, origins=idle.origins),
        because=f"it idles at {amount(idle.value, 'W', idle.low, idle.high)} for {every}{rest}",
        command=None if known else shlex.join(["edgekit", "bench", somewhere(device.artifact.path), "--cold-starts", "5"]),
        evidence=(device.id,),
    )


def _region(scenario: Scenario, constants: Mapping[str, Constant], inside: Quantity) -> Iterator[Advice]:
    """Yield the region with the cleanest grid among the constants, where the data may move there."""
    here, source = average_grid(scenario, constants, Side.CLOUD)
    if here is None or scenario.privacy != "none" or not isinstance(inside, Estimate):
        return
    grids = {name.removeprefix("grid_"): item for name, item in constants.items() if name.startswith("grid_")}
    name, cleanest = min(grids.items(), key=lambda pair: (pair[1].value, pair[0]))
    saved = here - cleanest.value
    if saved <= 0:
        return
    saves = Estimate(
        value=inside.value * saved,
        low=inside.low * saved,
        high=inside.high * saved,
        unit="kg",
        origins=merge_origins(inside.origins, (Origin.SOURCED,)),
    )
    yield Advice(
        rank=0,
        what=f"run the cloud side in {name}",
        side=Side.CLOUD,
        saves_j=Unknown(reason="the same joules, of a cleaner grid", unit="J", boundary=Boundary.GRID),
        saves_kg=saves,
        because=f"its grid causes {multiple(cleanest.value * 3.6e9, 3)} g CO2e/kWh against {multiple(here * 3.6e9, 3)} now; "
        "the way there is longer, and a region without room takes its power from others",
        evidence=(cleanest.id, source),
    )


def _hour(scenario: Scenario) -> Iterator[Advice]:
    """Yield the command that looks for a cleaner hour, where the scenario has work that can wait."""
    waits = [words for words, value in (("retraining", scenario.retraining_j), ("updates", scenario.ota_bytes)) if value]
    region = scenario.cloud_region or scenario.device_region
    if waits and region is not None:
        yield Advice(
            rank=0,
            what=f"let {' and '.join(waits)} wait for a cleaner hour",
            side=Side.CLOUD,
            saves_j=Unknown(reason="the same joules, at another hour", unit="J", boundary=Boundary.GRID),
            saves_kg=Unknown(reason="the command says what waiting saves in this region, and whether it is worth it", unit="kg"),
            because="they may wait, inference may not",
            command=shlex.join(["edgekit", "when", "--region", region, "--duration", "4h", "--deadline", "24h"]),
        )
