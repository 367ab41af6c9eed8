"""Plan a self-test: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Channel, MeterSpec
from edgekit.core.errors import UsageError
from edgekit.energy.clocks.marker import marker_s

LEAST_S, MOST_S = 8.0, 600.0
LOADS = ("auto", "cpu", "cuda", "none")
_GPU = (Boundary.GPU_BOARD, Boundary.GPU_MODULE, Boundary.GPU_MEMORY)
_RANDOM_S = 0.05  # usual length of one cycle of the random load
_SHORTEST_S = 0.01  # the edges of a load are known to a fraction of a millisecond
_SWEEP = 28 / 27  # of the update period: the phase goes once around in 28 updates
_READS_PER_UPDATE = 20
_SLOWEST_HZ, _FASTEST_HZ, _BLIND_HZ = 100.0, 5000.0, 1000.0
_CHIP_S, _LONGEST_CHIP_S = 0.25, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SelftestRequest:
    """Hold what the user asked for. `meter` None means the best one; `load` is what is driven: "auto" fits the meter's place.

    With `zero` nothing is connected to the instrument, and what it says nevertheless is its zero.
    """

    meter: str | None = None
    seconds: float = 40.0
    load: str = "auto"
    threads: int = 0
    seed: int = 0
    keep: Path | None = None
    zero: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Hold one step: which load ("idle", "random", "steady", "sweep", "marker") for how long, and its square wave or its chips."""

    load: str
    seconds: float
    period_s: float = _SHORTEST_S
    duty: float = 1.0
    spread: float = 0.0


def check(request: SelftestRequest) -> None:
    """Raise UsageError for a request that cannot be meant."""
    if not LEAST_S <= request.seconds <= MOST_S:
        why = f"it must lie between {LEAST_S:g} and {MOST_S:g}: idle, random, steady and swept loads take their share of it"
        raise UsageError(f"--seconds {request.seconds:g} does not make a self-test", code="selftest.seconds", why=why)
    if request.load not in LOADS:
        raise UsageError(f"no load is called {request.load!r}", code="selftest.load", why=f"known: {', '.join(LOADS)}")


def target_of(request: SelftestRequest, spec: MeterSpec) -> str | None:
    """Return which load moves what the meter sees: "cuda" for GPU boards, "cpu" for everything else; None for no load."""
    if request.zero:
        return None
    if request.load == "auto":
        return "cuda" if all(channel.boundary in _GPU for channel in spec.channels) else "cpu"
    return None if request.load == "none" else request.load


def first_look(seconds: float, *, loaded: bool) -> tuple[Step, ...]:
    """Return the steps that find out how often the values change, in 45 % of the time; without a load the machine only idles."""
    if not loaded:
        return (Step(load="idle", seconds=seconds),)
    return (
        Step(load="idle", seconds=0.12 * seconds),
        Step(load="random", seconds=0.18 * seconds, period_s=_RANDOM_S, duty=0.5, spread=0.9),
        Step(load="steady", seconds=0.15 * seconds),
    )


def second_look(seconds: float, periods_s: Sequence[float]) -> tuple[Step, ...]:
    """Return the steps that find out what each value looks at, in 55 % of the time: a swept wave for each update period, then idle.

    Periods within a tenth of one another share a wave. Where none is known, a random load must do.
    """
    distinct: list[float] = []
    for period_s in sorted(periods_s):
        if not distinct or period_s > 1.1 * distinct[-1]:
            distinct.append(period_s)
    each = 0.5 * seconds / max(1, len(distinct))
    waves = [Step(load="sweep", seconds=each, period_s=max(_SHORTEST_S, period_s) * _SWEEP, duty=0.5) for period_s in distinct]
    blind = [Step(load="random", seconds=each, period_s=2 * _RANDOM_S, duty=0.5, spread=0.9)]
    return (*(waves or blind), Step(load="idle", seconds=0.05 * seconds))


def marker(spec: MeterSpec, periods_s: Sequence[float]) -> tuple[Step, ...]:
    """Return the step that finds out how late readings arrive, where they are dated by that; beside the time that was asked for."""
    if spec.delay is None:
        return ()
    chip_s = min(_LONGEST_CHIP_S, max(_CHIP_S, *periods_s, *(channel.update_period_s or 0.0 for channel in spec.channels)))
    return (Step(load="marker", seconds=marker_s(chip_s), period_s=chip_s),)


def reading_hz(channels: Sequence[Channel], periods_s: Sequence[float] = ()) -> float:
    """Return how often to read: 20 times for each update of the fastest value, as found until now or as documented."""
    known = list(periods_s) or [channel.update_period_s for channel in channels if channel.update_period_s]
    fastest = _READS_PER_UPDATE / min(known) if known else _BLIND_HZ
    return min(_FASTEST_HZ, max(_SLOWEST_HZ, fastest))
