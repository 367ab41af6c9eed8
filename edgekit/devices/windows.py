"""Read one window out of a runner's reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.core.window import Latency, Pacing, Phase, Window


def window_of(reply: Mapping[str, Any], phase: Phase, index: int, *, clock: str, invalid: str | None) -> Window:
    """Return the window that a runner says it has inferred in, on the clock called `clock`."""
    latency = reply["latency"]
    return Window(
        phase=phase,
        index=index,
        clock=clock,
        start_ns=reply["start_ns"],
        end_ns=reply["end_ns"],
        bracket_ns=reply["bracket_ns"],
        inferences=reply["inferences"],
        latency=Latency(
            group_size=latency["group_size"],
            total_ns=latency["total_ns"],
            min_ns=latency["min_ns"],
            max_ns=latency["max_ns"],
            histogram=tuple((place, count) for place, count in latency["histogram"]),
            reservoir_ns=tuple(latency["reservoir_ns"]),
        ),
        invalid=invalid,
        pacing=Pacing(**reply["pacing"]) if "pacing" in reply else None,
    )
