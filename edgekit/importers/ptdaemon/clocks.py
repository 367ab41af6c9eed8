"""Find out by how much the meter's clock and the benchmark's differ: the two logs were written on two machines, and neither says its zone.

    benchmark  ----[begin      end]----------          the window must lie inside the meter's log; of all differences of whole
    meter          |---first ............ last---|     hours (then of quarters) those that put it there are possible

One possibility is an answer, several are a question to the user, none is an error.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.core.errors import UsageError
from edgekit.importers.base import garbled, text_of
from edgekit.importers.figures import finite
from edgekit.importers.ptdaemon.dates import HOUR_NS, written
from edgekit.importers.ptdaemon.loadgen import Work
from edgekit.importers.ptdaemon.spl import Log

_FARTHEST_H = 26  # from UTC-12 to UTC+14
_SLACK_NS = 1_000_000_000
_LATEST_S = 1e11  # after 1970, the year 5138
TOLERATED_S = 0.8  # what the MLPerf compliance check accepts between the two machines


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockDifference:
    """Hold what is added to the benchmark's times to get the meter's, how uncertain that is, and why it is thought so."""

    offset_ns: int
    bracket_ns: int
    evidence: str
    stated: bool = False


def difference(log: Log, work: Work, *, stated_s: float | None, folder: Path) -> ClockDifference:
    """Return the difference of the clocks; raise UsageError when the logs do not tell it, or do not overlap."""
    sessions = [_session(folder, name) for name in ("client.json", "server.json")]
    skew_s, measured = _skew(*sessions)
    bracket_ns = round(skew_s * 1e9)
    if stated_s is not None:
        offset_ns = round(stated_s * 1e9)
        if not _fits(log, work, offset_ns):
            raise _apart(log, work, f"with {stated_s:+g} s as stated")
        return ClockDifference(offset_ns=offset_ns, bracket_ns=bracket_ns, evidence=f"stated with --clock-offset; {measured}", stated=True)
    zone_ns = _zones(*sessions)
    possible = _possible(log, work)
    if not possible:
        raise _apart(log, work, "whatever whole hours or quarters lie between the clocks")
    if len(possible) == 1:
        offset_ns, why = possible[0], f"the only difference of whole {_step(possible[0])} that puts the window inside the power log"
    elif zone_ns is not None and zone_ns in possible:
        offset_ns, why = zone_ns, "the zones in client.json and server.json"
    else:
        raise _ambiguous(possible)
    agrees = ""
    if zone_ns is not None and offset_ns != zone_ns:
        agrees = f"; client.json and server.json would say {_hours(zone_ns)}, which puts it elsewhere"
    return ClockDifference(offset_ns=offset_ns, bracket_ns=bracket_ns, evidence=f"{why}{agrees}; {measured}")


def described(found: ClockDifference) -> str:
    """Return the difference and its evidence in one sentence."""
    return f"the meter's clock reads {_hours(found.offset_ns)} against the benchmark's: {found.evidence}"


def _possible(log: Log, work: Work) -> list[int]:
    hours = [hour * HOUR_NS for hour in range(-_FARTHEST_H, _FARTHEST_H + 1)]
    quarters = [quarter * HOUR_NS // 4 for quarter in range(-4 * _FARTHEST_H, 4 * _FARTHEST_H + 1)]
    return [step for step in hours if _fits(log, work, step)] or [step for step in quarters if _fits(log, work, step)]


def _fits(log: Log, work: Work, offset_ns: int) -> bool:
    first, last = log.span_ns
    return first - _SLACK_NS <= work.begin_ns + offset_ns and work.end_ns + offset_ns <= last + _SLACK_NS


def _session(folder: Path, name: str) -> dict[str, Any]:
    """Return client.json or server.json of the director, {} where neither the folder nor the one beside it has it."""
    for place in (folder / name, folder.parent / "power" / name):
        if place.is_file():
            try:
                found = json.loads(text_of(place, "session"))
            except (ValueError, RecursionError) as error:
                raise garbled(place, "session", f"it is not JSON: {error}") from error
            return found if isinstance(found, dict) else {}
    return {}


def _zones(client: dict[str, Any], server: dict[str, Any]) -> int | None:
    """Return what the zones say: each file states the seconds to add to its local time to get UTC."""
    ours, theirs = (finite(session.get("timezone"), _FARTHEST_H * 3600) for session in (client, server))
    if ours is None or theirs is None:
        return None
    return round((ours - theirs) * 1e9)


def _skew(client: dict[str, Any], server: dict[str, Any]) -> tuple[float, str]:
    """Return (seconds the clocks may differ beside their zones, what that rests on)."""
    steps = [_moments(session) for session in (client, server)]
    if steps[0] and len(steps[0]) == len(steps[1]):
        seen = max(abs(one - other) for one, other in zip(*steps, strict=True))
        return seen, f"client.json and server.json agree within {seen:.3f} s"
    return TOLERATED_S, f"beside it they may differ by {TOLERATED_S} s, which the MLPerf compliance check tolerates"


def _moments(session: dict[str, Any]) -> list[float]:
    phases = session.get("phases")
    testing = phases.get("testing") if isinstance(phases, dict) else None
    if not isinstance(testing, list):
        return []
    moments = [finite(item[0], _LATEST_S) if isinstance(item, list) and item else None for item in testing]
    return [moment for moment in moments if moment is not None]


def _step(offset_ns: int) -> str:
    return "hours" if offset_ns % HOUR_NS == 0 else "quarter hours"


def _hours(offset_ns: int) -> str:
    hours = offset_ns / HOUR_NS
    return f"{hours:+g} h" if offset_ns % (HOUR_NS // 4) == 0 else f"{offset_ns / 1e9:+.3f} s"


def _apart(log: Log, work: Work, how: str) -> UsageError:
    first, last = log.span_ns
    return UsageError(
        "the power log does not cover the benchmark",
        code="import.no_overlap",
        why=f"{how}: the benchmark went from {written(work.begin_ns)} to {written(work.end_ns)}, "
        f"the power log goes from {written(first)} to {written(last)}",
        do=[("say what to add to the benchmark's times:", "edgekit import ptdaemon DIR --clock-offset SECONDS")],
    )


def _ambiguous(possible: Sequence[int]) -> UsageError:
    return UsageError(
        "the clocks of the two logs may differ in several ways",
        code="import.clock_ambiguous",
        why=f"the power log is so long that {', '.join(map(_hours, possible))} all put the benchmark inside it",
        do=[("say what to add to the benchmark's times:", f"edgekit import ptdaemon DIR --clock-offset {possible[0] // 1_000_000_000}")],
        data={"offsets_s": [step / 1e9 for step in possible]},
    )
