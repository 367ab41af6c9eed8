"""Ask a runner of its own for the time of each operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.core.run import OperatorTiming, Profile, ProfiledWindow
from edgekit.core.trace import Reading
from edgekit.core.window import Phase, Window
from edgekit.devices.client import Client

PATIENCE_S = 600.0  # beyond the window itself: the model is loaded anew, twice by some profilers, and the times are read out afterwards
RESOLVING_READINGS = 2  # an operator may be told apart by readings when it lasts as long as this many


def profiled(
    client: Client, request: Mapping[str, Any], *, index: int, seconds: float, timeline: str, sample_hz: float, clock_domain: str
) -> ProfiledWindow:
    """Return the window in which `client` timed the operators of the artifact of `request`; readings of `timeline` say when each began.

    Raises what the runner refuses: an engine without a profiler, or a model that does not run under it.
    """
    reply = client.ask(
        "profile", **request, seconds=seconds, timeline_ns=RESOLVING_READINGS * 1e9 / sample_hz, timeout_s=PATIENCE_S + 2 * seconds
    )
    marks = reply["timeline"]
    return ProfiledWindow(
        window=Window(
            phase=Phase.PROFILE,
            index=index,
            clock=clock_domain,
            start_ns=reply["start_ns"],
            end_ns=reply["end_ns"],
            inferences=reply["inferences"],
        ),
        profile=Profile(
            window=index,
            invocations=reply["invocations"],
            operators=tuple(
                OperatorTiming(name=name, kind=kind, calls=calls, time_s=time_ns / 1e9) for name, kind, calls, time_ns in reply["operators"]
            ),
            outside_s=reply["outside_ns"] / 1e9,
            method=reply["method"],
            resolution_s=reply["resolution_ns"] / 1e9,
            timeline=timeline if marks else None,
        ),
        timeline=tuple(Reading(channel=timeline, t_ns=t_ns, bracket_ns=0, value=float(place)) for t_ns, place in marks),
    )
