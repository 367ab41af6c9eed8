"""Model several supply rails whose power follows time and the workload's activity, with exact energy on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edgekit.sim.curve import Curve


class Activity(Protocol):
    """Say how busy a named channel was: a level of 1 is one core, one GPU, one of whatever the channel stands for."""

    def level(self, channel: str, t_ns: int) -> float:
        """Return the level at a time."""
        ...

    def total_s(self, channel: str, t_ns: int) -> float:
        """Return the integral of the level up to a time, in level-seconds; only differences have a meaning."""
        ...


class Idle:
    """Be never active."""

    def level(self, channel: str, t_ns: int) -> float:
        """Return 0."""
        return 0.0

    def total_s(self, channel: str, t_ns: int) -> float:
        """Return 0."""
        return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rail:
    """Describe one rail: the sum of its curves, of `active_w` watts per level of a channel, and of shares of other rails (`parts`)."""

    name: str
    curves: tuple[Curve, ...] = ()
    active_w: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Hold what a rail comes down to when all parts are resolved: (weight, curve) and watts per channel."""

    curves: tuple[tuple[float, Curve], ...]
    active_w: Mapping[str, float]


class Rails:
    """Answer for all rails of one machine; times are absolute nanoseconds, curves begin at `epoch_ns`."""

    def __init__(self, rails: Sequence[Rail], *, epoch_ns: int = 0, activity: Activity | None = None) -> None:
        self.epoch_ns = epoch_ns
        self._activity = activity or Idle()
        by_name = {rail.name: rail for rail in rails}
        self.terms = {name: _resolved(by_name, name, ()) for name in by_name}

    def power_w(self, rail: str, t_ns: int) -> float:
        """Return the power of `rail` at `t_ns`, in watts."""
        terms, t = self.terms[rail], t_ns - self.epoch_ns
        active = sum(watts * self._activity.level(channel, t_ns) for channel, watts in terms.active_w.items())
        return active + sum(weight * curve.power(t) for weight, curve in terms.curves)

    def total_j(self, rail: str, t_ns: int) -> float:
        """Return the energy of `rail` from the epoch to `t_ns`, in joules."""
        terms, t = self.terms[rail], t_ns - self.epoch_ns
        active = sum(watts * self._activity.total_s(channel, t_ns) for channel, watts in terms.active_w.items())
        return active + sum(weight * curve.total_j(t) for weight, curve in terms.curves)

    def energy_j(self, rail: str, start_ns: int, end_ns: int) -> float:
        """Return the exact energy of `rail` between two times, in joules."""
        return self.total_j(rail, end_ns) - self.total_j(rail, start_ns)


def _resolved(rails: Mapping[str, Rail], name: str, above: tuple[str, ...]) -> Terms:
    if name in above:
        raise ValueError(f"rail {name!r} is a part of itself: {' > '.join((*above, name))}")
    if name not in rails:
        raise ValueError(f"no rail is called {name!r}")
    rail = rails[name]
    curves = [(1.0, curve) for curve in rail.curves]
    active = dict(rail.active_w)
    for part, share in rail.parts.items():
        inner = _resolved(rails, part, (*above, name))
        curves += [(share * weight, curve) for weight, curve in inner.curves]
        for channel, watts in inner.active_w.items():
            active[channel] = active.get(channel, 0.0) + share * watts
    return Terms(curves=tuple(curves), active_w=active)
