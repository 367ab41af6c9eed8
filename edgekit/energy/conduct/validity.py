"""Say what disturbed a run, from looks at the machine: before its first window, after its last, and around each measured one. Pure.

What is found lessens the quality of every figure of the run to "caveats"; `FLAWS` are the words by which comparisons and reports name it.
Limits, with reasons:

- throttled, under-volted: any flag, and any event counted between the looks, because nobody knows how long it lasted.
- stolen: the hypervisor gave others more than 0.1 % of one core's time, which is a tenth of the 1 % that comparisons are meant to tell
  apart; the counter ticks in hundredths of a second, so two ticks at least.
- swapped: 100 pages in or out. One takes 0.1 ms (flash) to 1 ms (memory card) or so, and 100 of them 0.1 % of a run of ten windows of 10 s.
- clock stepped: 1 ms. Time servers slew both clocks alike and step only beyond 100 ms or so; what an instrument dates by the wall clock
  is then put at the wrong place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from edgekit.core.hardware import DeviceFacts
from edgekit.core.quantity import Estimate, Note, Quality, Quantity
from edgekit.core.run import Analysis, ChannelAnalysis
from edgekit.core.units import counted, format_scaled
from edgekit.core.window import Window

STOLEN_SHARE = 1e-3
STOLEN_LEAST_S = 0.02
SWAPPED_PAGES = 100
STEPPED_NS = 1_000_000
FLAWS: Final[Mapping[str, str]] = {
    "run.throttled": "throttled",
    "run.under_voltage": "under-volted",
    "run.stolen": "CPU time stolen",
    "run.swapped": "swapped",
    "run.clock_stepped": "clock stepped",
    "run.rebooted": "rebooted",
}
_SAID = {"frequency_capped": "frequency capped", "soft_temperature_limit": "soft temperature limit"}


def disturbed_run(before: DeviceFacts, after: DeviceFacts | None, windows: Sequence[Window]) -> list[Note]:
    """Return what disturbed a run, and which of its measured windows saw it: also what was over before its end, as throttling may be."""
    seen: dict[str, list[str]] = {}
    for window in windows:
        for code in window.disturbed:
            seen.setdefault(code, []).append(str(window.index))
    found = []
    for note in disturbances(before, after):
        where = seen.pop(note.code, None)
        found.append(note if where is None else replace(note, text=f"{note.text} ({_windows(where)})"))
    advice = "look for what else happened on the machine then, and repeat"
    found += [
        Note(code=code, text=f"{FLAWS.get(code, code)} for a part of the run: {_windows(where)}", advice=advice)
        for code, where in seen.items()
    ]
    return found


def _windows(numbers: Sequence[str]) -> str:
    return f"measure window{'s' * (len(numbers) > 1)} {', '.join(numbers)}"


def disturbances(before: DeviceFacts, after: DeviceFacts | None) -> list[Note]:
    """Return what disturbed a machine between two looks; without a second one, what the first shows."""
    last = after or before
    if before.boot is not None and last.boot is not None and before.boot != last.boot:
        text = "the machine started anew during the run: its counters cannot be compared"
        return [Note(code="run.rebooted", text=text, advice="look for a weak supply or a watchdog, then repeat")]
    found = (_throttled(before, last), _under_voltage(before, last), _stolen(before, last), _swapped(before, last), _stepped(before, last))
    return [note for note in found if note is not None]


def marked(analysis: Analysis) -> Analysis:
    """Return the analysis with every figure of a disturbed run lessened to "caveats"; its notes say what disturbed the run."""
    if not any(note.code in FLAWS for note in analysis.notes):
        return analysis
    return replace(
        analysis,
        energy_j_per_inference=_lessened(analysis.energy_j_per_inference),
        time_s_per_inference=_lessened(analysis.time_s_per_inference),
        latency_p50_s=_lessened(analysis.latency_p50_s),
        latency_p90_s=_lessened(analysis.latency_p90_s),
        latency_p99_s=_lessened(analysis.latency_p99_s),
        channels=tuple(map(_channel, analysis.channels)),
        operators=tuple(replace(item, energy_j_per_inference=_lessened(item.energy_j_per_inference)) for item in analysis.operators),
    )


def _lessened(figure: Quantity) -> Quantity:
    return replace(figure, quality=Quality.CAVEATS) if isinstance(figure, Estimate) and figure.quality is Quality.GOOD else figure


def _channel(item: ChannelAnalysis) -> ChannelAnalysis:
    return replace(
        item,
        energy_j_per_inference=_lessened(item.energy_j_per_inference),
        net_j_per_inference=_lessened(item.net_j_per_inference),
        idle_w=_lessened(item.idle_w),
        mean_w=_lessened(item.mean_w),
        without_outliers=None if item.without_outliers is None else _lessened(item.without_outliers),
    )


def _throttled(before: DeviceFacts, last: DeviceFacts) -> Note | None:
    looks = {"before": before} if last is before else {"before": before, "after": last}
    slowed = [when for when, facts in looks.items() if facts.throttled]
    fresh = set(last.throttle_since_boot or ()) - set(before.throttle_since_boot or ()) - {"under_voltage"}
    events = _more(before.throttle_events, last.throttle_events)
    if not slowed and not fresh and not events:
        return None
    reasons = {reason for facts in looks.values() for reason in facts.throttle_reasons or ()} | fresh
    named = ", ".join(sorted(_SAID.get(reason, reason) for reason in reasons - {"throttled", "under_voltage"}))
    when = f"{' and '.join(slowed)} the run" if slowed else "during the run"
    times = f", {counted(events, 'time')} by its own count" if events else ""
    return Note(
        code="run.throttled",
        text=f"the machine held its clock back {when}{f' ({named})' if named else ''}{times}: "
        "time and energy are those of a throttled machine",
        advice="let it cool, check its power supply or power limit, then repeat",
    )


def _under_voltage(before: DeviceFacts, last: DeviceFacts) -> Note | None:
    fresh = "under_voltage" in set(last.throttle_since_boot or ()) - set(before.throttle_since_boot or ())
    if not (before.under_voltage or last.under_voltage or fresh):
        return None
    return Note(
        code="run.under_voltage",
        text="the supply of the board fell too low during the run: it may have slowed down, and at another voltage energy is another",
        advice="use the board's own supply and a short, thick cable; a meter and its plugs take some of the voltage too",
    )


def _stolen(before: DeviceFacts, last: DeviceFacts) -> Note | None:
    if before.steal_s is None or last.steal_s is None or before.read_ns is None or last.read_ns is None or last.read_ns <= before.read_ns:
        return None
    stolen_s, elapsed_s = last.steal_s - before.steal_s, (last.read_ns - before.read_ns) / 1e9
    if stolen_s < STOLEN_LEAST_S or stolen_s / elapsed_s <= STOLEN_SHARE:
        return None
    share = f"{100 * stolen_s / elapsed_s:.2g} % of one core"
    return Note(
        code="run.stolen",
        text=f"other virtual machines took {format_scaled(stolen_s, 's')} of CPU time during the run ({share})",
        advice="measure on a machine of your own, or when this one is quiet",
    )


def _swapped(before: DeviceFacts, last: DeviceFacts) -> Note | None:
    pages = (_more(before.swap_in_pages, last.swap_in_pages) or 0) + (_more(before.swap_out_pages, last.swap_out_pages) or 0)
    if pages < SWAPPED_PAGES:
        return None
    return Note(
        code="run.swapped",
        text=f"{pages} pages of memory went to or from swap during the run: time and energy are partly those of the disk",
        advice="end what else uses memory, or use a smaller model or batch, then repeat",
    )


def _stepped(before: DeviceFacts, last: DeviceFacts) -> Note | None:
    if before.clock_offset_ns is None or last.clock_offset_ns is None:
        return None
    step_ns = last.clock_offset_ns - before.clock_offset_ns
    if abs(step_ns) <= STEPPED_NS:
        return None
    ahead = "forward" if step_ns > 0 else "back"
    return Note(
        code="run.clock_stepped",
        text=f"the machine's wall clock was set {ahead} by {format_scaled(abs(step_ns) / 1e9, 's')} during the run, or the machine slept: "
        "windows are timed by a clock that never steps, but what was dated by the wall clock lies elsewhere",
        advice="let the clock synchronise before a run (timedatectl), then repeat",
    )


def _more(before: int | None, last: int | None) -> int | None:
    """Return how far a counter has gone; None where it is not known, or went back."""
    return last - before if before is not None and last is not None and last >= before else None
