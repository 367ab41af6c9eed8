"""Say what changed between two reports of one model, and which differences are within the uncertainty of their figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from edgekit.core.decision import Account, SlotEntry, View
from edgekit.core.quantity import Estimate, Quantity
from edgekit.reports.findings import SLOT_WORDS, outcome
from edgekit.reports.model import Report, RunRow
from edgekit.reports.show import figure, one_line

WITHIN = "within uncertainty"


class Standing(StrEnum):
    """Name what a difference amounts to."""

    CHANGED = "changed"
    WITHIN = WITHIN
    ADDED = "added"
    REMOVED = "removed"
    INCOMPARABLE = "not comparable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Hold one difference: where it is, both sides as text and, for figures, as quantities with their intervals; `ratio` is after / before.

    `section` is "verdict", "gates", "scenario", "constants", "runs", "slots", "views" or "accounts".
    """

    section: str
    subject: str
    figure: str
    standing: Standing
    before: str
    after: str
    ratio: Quantity | None = None
    before_quantity: Quantity | None = None
    after_quantity: Quantity | None = None


def changes(before: Report, after: Report) -> tuple[Change, ...]:
    """Return every difference between two reports; none where they say the same."""
    return (
        *_verdict(before, after),
        *_texts("gates", *(_gates(report) for report in (before, after))),
        *_texts("scenario", *(_lines(report) for report in (before, after))),
        *_texts("constants", *(_constants(report) for report in (before, after))),
        *_runs(before.runs, after.runs),
        *_figures("slots", _slots(before), _slots(after), _SLOT),
        *_figures("views", _views(before), _views(after), _VIEW),
        *_outcomes(before, after),
        *_figures("accounts", _accounts(before), _accounts(after), _ACCOUNT),
    )


def _gates(report: Report) -> dict[str, str]:
    state = {True: "passed", False: "failed", None: "unknown"}
    return {f"{gate.name}, {gate.side}": f"{state[gate.passed]}: {gate.why}" for gate in report.decision.gates}


def _lines(report: Report) -> dict[str, str]:
    return {item.name: item.value for item in report.decision.assumptions}


def _constants(report: Report) -> dict[str, str]:
    return {item.id: f"{item.shown} ({item.year})" for item in report.decision.constants}


def _slots(report: Report) -> dict[str, SlotEntry]:
    return {f"{SLOT_WORDS[item.slot.value]}, {item.side}": item for item in report.decision.slots}


def _views(report: Report) -> dict[str, View]:
    return {_view(item): item for item in report.decision.views}


def _accounts(report: Report) -> dict[str, Account]:
    return {f"one inference, {item.side}": item for item in report.decision.accounts}


def compared(section: str, subject: str, name: str, before: Quantity | None, after: Quantity | None) -> Change | None:
    """Return how one figure changed, None where it did not.

    The two are taken as independent: the half-widths towards one another add in squares, and a smaller difference is within uncertainty.
    """
    if before is None and after is None:
        return None
    shown = [one_line(figure(item)) if item is not None else "not stated" for item in (before, after)]
    if not isinstance(before, Estimate) or not isinstance(after, Estimate):
        if shown[0] == shown[1]:
            return None
        return _change(section, subject, name, Standing.CHANGED, shown, before, after)
    if before.boundary != after.boundary or before.unit != after.unit:
        return _change(section, subject, name, Standing.INCOMPARABLE, shown, before, after)
    if (before.value, before.low, before.high, before.origins) == (after.value, after.low, after.high, after.origins):
        return None
    standing = Standing.WITHIN if abs(after.value - before.value) <= _apart(before, after) else Standing.CHANGED
    if standing is Standing.WITHIN and before.origins != after.origins:
        standing = Standing.CHANGED  # the figure may be alike, but how it came about is not
    return _change(section, subject, name, standing, shown, before, after, _ratio(before, after))


def _apart(before: Estimate, after: Estimate) -> float:
    """Return the difference that the two intervals allow for."""
    lower, upper = sorted((before, after), key=lambda item: item.value)
    return math.hypot(lower.high - lower.value, upper.value - upper.low)


def _ratio(before: Estimate, after: Estimate) -> Estimate | None:
    if before.value <= 0 or after.value <= 0:
        return None
    half = math.hypot(*((item.high - item.low) / 2 / item.value for item in (before, after)))
    ratio = after.value / before.value
    return Estimate(value=ratio, low=ratio / (1 + half), high=ratio * (1 + half), unit="1", origins=after.origins)


def _change(
    section: str,
    subject: str,
    name: str,
    standing: Standing,
    shown: list[str],
    before: Quantity | None,
    after: Quantity | None,
    ratio: Quantity | None = None,
) -> Change:
    return Change(
        section=section,
        subject=subject,
        figure=name,
        standing=standing,
        before=shown[0],
        after=shown[1],
        ratio=ratio,
        before_quantity=before,
        after_quantity=after,
    )


_SLOT = {"energy_j": "energy", "co2e_kg": "carbon"}
_VIEW = {"edge_j": "device", "cloud_j": "cloud", "ratio": "cloud over device"}
_ACCOUNT = {"energy_j": "energy", "sci_kg": "carbon (SCI)", "water_l": "water", "money": "money", "latency_s": "latency"}
_RUN = {"energy_j": "energy", "idle_w": "idle power", "time_s": "time", "latency_p99_s": "latency p99", "accuracy": "accuracy"}


def _verdict(before: Report, after: Report) -> Iterator[Change]:
    ours, theirs = before.decision.verdict, after.decision.verdict
    for name in ("headline", "regime", "condition"):
        yield from _text("verdict", "verdict", name, getattr(ours, name), getattr(theirs, name))


def _text(section: str, subject: str, name: str, before: str | None, after: str | None) -> Iterator[Change]:
    if before != after:
        standing = Standing.ADDED if before is None else Standing.REMOVED if after is None else Standing.CHANGED
        yield _change(section, subject, name, standing, [before or "", after or ""], None, None)


def _texts(section: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for key in _keys(before, after):
        yield from _text(section, key, "", before.get(key), after.get(key))


def _figures(section: str, before: Mapping[str, Any], after: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Change]:
    for key in _keys(before, after):
        if key not in before or key not in after:
            yield from _text(section, key, "", None if key not in before else "present", None if key not in after else "present")
            continue
        for attribute, name in names.items():
            found = compared(section, key, name, getattr(before[key], attribute), getattr(after[key], attribute))
            if found is not None:
                yield found


def _outcomes(before: Report, after: Report) -> Iterator[Change]:
    """Return the views whose answer is another one."""
    ours, theirs = ({_view(view): outcome(view).text for view in report.decision.views} for report in (before, after))
    for key in _keys(ours, theirs):
        if key in ours and key in theirs:
            yield from _text("views", key, "answer", ours[key], theirs[key])


def _runs(before: tuple[RunRow, ...], after: tuple[RunRow, ...]) -> Iterator[Change]:
    """Return what changed in the runs: those of one id first, then those of one artifact, place and batch that took another's place."""
    left = {row.run: row for row in after}
    pairs = [(row, left.pop(row.run, None)) for row in before]
    for row, same in pairs:
        match = same or next((other for other in left.values() if _kind(other) == _kind(row)), None)
        if match is None:
            yield from _text("runs", row.run, "", row.artifact, None)
            continue
        left.pop(match.run, None)
        yield from _text("runs", match.run, "takes the place of", row.run, match.run)
        yield from _text("runs", match.run, "standing", _stands(row), _stands(match))
        yield from _text("runs", match.run, "artifact sha256", row.artifact_sha256[:12], match.artifact_sha256[:12])
        yield from _text("runs", match.run, "unit of work", row.unit_of_work, match.unit_of_work)
        for attribute, name in _RUN.items():
            found = compared("runs", match.run, name, getattr(row, attribute), getattr(match, attribute))
            if found is not None:
                yield found
    for row in left.values():
        yield from _text("runs", row.run, "", None, row.artifact)


def _kind(row: RunRow) -> tuple[object, ...]:
    return (row.side, row.artifact, row.device, row.batch, row.energy_j.boundary)


def _stands(row: RunRow) -> str:
    return "chosen" if row.chosen else "considered" if row.eligible else f"left out: {row.reason}"


def _view(view: View) -> str:
    parts = (f"{view.network} network", f"{view.device} device", f"{view.cloud} cloud", f"{view.grid} grid" if view.grid else "")
    return ", ".join(part for part in parts if part)


def _keys(*groups: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(key for group in groups for key in group))
