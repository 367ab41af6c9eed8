"""Move one input at a time from its low to its high end, all others as stated, and look what becomes of cloud over device.

Bars are ordered by their length in log space: a factor of two up weighs as much as a factor of two down. What the scenario states without
an interval (payload, rates) is moved from a tenth to ten times, which is a question of design and not of doubt; conventions have two ends.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from edgekit.core.scenario import Scenario
from edgekit.core.weighing import Bar
from edgekit.decision.accounts.energy import Convention, Drawn, NotComputable, Usage, cloud_slots, device_slots, inputs_of
from edgekit.decision.draws.montecarlo import Inputs
from edgekit.decision.draws.words import name_of, shown, unit_of
from edgekit.decision.turning import roots
from edgekit.decision.turning.breakeven import bisect

DECADE = 10.0
_AXES = {"network": "how the network is charged", "device": "what the device is charged with", "cloud": "whether GPUs are shared"}


def tornado(view: Convention, known: Sequence[Convention], scenario: Scenario, inputs: Inputs, x: Drawn, use: Usage) -> tuple[Bar, ...]:
    """Return the bars of one view, the longest first; inputs without an interval and ends without a ratio have none."""
    found = [*_inputs(view, inputs, x, use), *_designs(view, x, use), *_conventions(view, known, x, use)]
    return tuple(sorted(found, key=lambda bar: (-abs(math.log(bar.ratio_high / bar.ratio_low)), bar.input)))


def _ratio(view: Convention, x: Drawn, use: Usage) -> float:
    device, cloud = (float(side[0]) for side in roots.sides(view, x, use))
    return cloud / device if device > 0 and cloud > 0 else math.nan


def _inputs(view: Convention, inputs: Inputs, x: Drawn, use: Usage) -> Iterator[Bar]:
    used = dict.fromkeys((*inputs_of(device_slots(view, x, use)), *inputs_of(cloud_slots(view, x, use))))
    for name in used:
        item = inputs[name]
        if item.low == item.high:
            continue

        def ratio(value: float, name: str = name) -> float:
            return _ratio(view, {**x, name: value + 0.0 * x[name]}, use)

        yield from _bar(name_of(name), item.low, item.high, unit_of(name), ratio, item.evidence)


def _designs(view: Convention, x: Drawn, use: Usage) -> Iterator[Bar]:
    wanted: list[tuple[str, str, float, str]] = []
    if view.network != "none":
        wanted.append(("the payload", "payload_bytes", use.payload_bytes, "B"))
    if view.cloud == "dedicated":
        wanted.append(("the requests of the cloud service", "service_rate_per_s", use.service_rate_per_s, "1/s"))
    if view.device == "dedicated":
        wanted.append(("the inferences of each device", "rate_per_s", use.rate_per_s, "1/s"))
    for words, attribute, stated, unit in wanted:
        if not stated > 0:
            continue

        def ratio(value: float, attribute: str = attribute) -> float:
            return _ratio(view, x, replace(use, **{attribute: value}))  # type: ignore[arg-type]

        yield from _bar(f"{words}, a tenth to ten times", stated / DECADE, stated * DECADE, unit, ratio, "scenario")


def _bar(words: str, low: float, high: float, unit: str, ratio: Callable[[float], float], evidence: str) -> Iterator[Bar]:
    at_low, at_high = ratio(low), ratio(high)
    if not (math.isfinite(at_low) and math.isfinite(at_high)):
        return
    flips = (at_low - 1) * (at_high - 1) < 0
    at = None
    if flips and low > 0:
        sign = 1.0 if at_high > at_low else -1.0
        at = bisect(lambda value: sign * math.log(ratio(value)), low=low, high=high)
    yield Bar(
        input=words,
        low=low,
        high=high,
        unit=unit,
        low_text=shown(low, unit),
        high_text=shown(high, unit),
        ratio_low=at_low,
        ratio_high=at_high,
        flips=flips,
        at=at,
        evidence=evidence,
    )


def _conventions(view: Convention, known: Sequence[Convention], x: Drawn, use: Usage) -> Iterator[Bar]:
    """Yield one bar for each axis of conventions, from the one that favours the device least to the one that favours it most."""
    for axis, words in _AXES.items():
        same = [other for other in _AXES if other != axis]
        levels: dict[str, float] = {}
        for other in known:
            if all(getattr(other, item) == getattr(view, item) for item in same):
                with contextlib.suppress(NotComputable):
                    levels[getattr(other, axis)] = _ratio(other, x, use)
        ends = sorted((ratio, level) for level, ratio in levels.items() if math.isfinite(ratio))
        if len(ends) > 1:
            (first, low), (second, high) = ends[0], ends[-1]
            yield Bar(
                input=words,
                low=None,
                high=None,
                unit="",
                low_text=low,
                high_text=high,
                ratio_low=first,
                ratio_high=second,
                flips=(first - 1) * (second - 1) < 0,
                evidence="convention",
            )
