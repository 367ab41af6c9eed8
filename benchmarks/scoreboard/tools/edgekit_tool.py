"""Measure as edgekit's guide says: `with edgekit.measure(...)`; "edgekit-tick" waits for the counter to tick at both edges."""

from __future__ import annotations

from typing import Any

import edgekit
from benchmarks.scoreboard.tools.stage import Stage

WORST_LAST = ("good", "caveats", "unmeasurable")


class Edgekit:
    """Open a region for each window, and keep what an observer with exact knowledge needs: how well the edges could be dated."""

    def __init__(self, task: dict[str, Any]) -> None:
        self._counts = task["counts"]
        self._options = {"meter": task["meter"], "align": "tick" if task["tool"] == "edgekit-tick" else None}
        self._region: Any = None

    def begin(self) -> None:
        """Open a window."""
        self._region = edgekit.measure("window", **self._options)
        self._region.__enter__()

    def end(self) -> dict[str, Any]:
        """Close it and return what the tool reports."""
        region = self._region
        region.__exit__(None, None, None)
        span = region.span
        found = [region.channels.get(boundary) for boundary in self._counts]
        said = [f"{note.code}: {note.text}" for note in region.notes]
        missing = [getattr(quantity, "reason", f"no channel at {place}") for place, quantity in zip(self._counts, found, strict=True)
                   if getattr(quantity, "value", None) is None]  # fmt: skip
        if missing:
            return {"reported_j": None, "reason": "; ".join(missing), "notes": said}
        return {
            "reported_j": sum(quantity.value for quantity in found),
            "low_j": sum(quantity.low for quantity in found),
            "high_j": sum(quantity.high for quantity in found),
            "quality": max((str(quantity.quality) for quantity in found), key=WORST_LAST.index),
            "origins": sorted({str(origin) for quantity in found for origin in quantity.origins}),
            "budget": [{term.name: term.u for term in quantity.budget} for quantity in found],
            "dated": [_dated(gauge.channel, reach) for gauge, reach in span.reaches.items() if gauge.channel.boundary in self._counts],
            "region_ns": [span.start_ns, span.end_ns],
            "notes": said,
        }


def _dated(channel: Any, reach: Any) -> dict[str, Any]:
    """Return how wide the brackets of both edges are, whether a tick was seen there, and the ticks while it waited after the end."""
    first, last = reach.first_tick, reach.last_ticks[0] if reach.last_ticks else None
    counted = last.value - reach.last.value if last else 0.0
    return {
        "channel": channel.id,
        "read_ns": reach.last.after_ns,
        "waited_ns": [tick.t_ns for tick in reach.last_ticks],
        "since_end_j": (counted + (channel.wrap or 0.0) if counted < 0 else counted) * channel.scale,
        "first_tick": first is not None,
        "first_ns": 2 * first.half_ns if first else reach.first.after_ns - reach.first.before_ns,
        "last_tick": last is not None,
        "last_ns": 2 * last.half_ns if last else reach.last.after_ns - reach.last.before_ns,
    }


if __name__ == "__main__":
    stage = Stage()
    stage.run(Edgekit(stage.task))
