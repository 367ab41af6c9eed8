"""Offer `edgekit.measure`: regions as `with` blocks and as decorators, and the idle power to set them against."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from edgekit.core.errors import UsageError, unknown_name
from edgekit.links.clock import HostClock
from edgekit.region.given import amount, idle_power
from edgekit.region.instrument import open_rig, renew_opening
from edgekit.region.region import Region
from edgekit.region.sync import Sync, resolve
from edgekit.region.watch import Watch

if TYPE_CHECKING:
    from edgekit.core.boundary import Boundary
    from edgekit.core.quantity import Quantity
    from edgekit.region.given import IdleWatts
    from edgekit.region.instrument import Rig

Function = TypeVar("Function", bound=Callable[..., Any])
_KEPT = 1000  # regions of a decorated function that are kept
_WATCH = [Watch(HostClock())]


def _begin_anew() -> None:
    _WATCH[0].renew()  # regions of the parent that the child closes
    _WATCH[0] = Watch(HostClock())
    renew_opening()


if hasattr(os, "register_at_fork"):  # a child has neither the thread nor, perhaps, an unlocked lock
    os.register_at_fork(after_in_child=_begin_anew)


class Measured(Region):
    """Be one region of a program, for `with`, and make one for each call of a function, as a decorator."""

    def __call__(self, function: Function) -> Function:
        """Return `function` measured at each call; its last regions are in `function.regions`, newest last."""
        if isinstance(function, (staticmethod, classmethod)):
            return type(function)(self(function.__func__))
        from edgekit.region.decorate import measured

        regions: deque[Region] = deque(maxlen=_KEPT)

        def fresh() -> Region:
            regions.append(self._copy())
            return regions[-1]

        wrapped = measured(function, fresh)
        wrapped.regions = regions
        returned: Function = wrapped
        return returned

    def _copy(self) -> Measured:
        return Measured(self.name, rig=self._open_rig, align=self._align, sync=self._sync, idle_w=self.idle_w)


class Measure:
    """Make regions. Calling it opens nothing; a meter is opened when a region is entered, before its first edge."""

    def __call__(
        self,
        name: str = "region",
        *,
        meter: str | Sequence[str] = "auto",
        align: str | None = None,
        sync: str | Sync | None = None,
        idle_w: IdleWatts | Mapping[str, IdleWatts] | None = None,
        roots: Mapping[str, str] | None = None,
    ) -> Measured:
        """Return a region for `with`, or as a decorator.

        `meter` names one meter, several, or "auto": the best one that may be read here (rapl, nvml, ..., cputime as an estimate).
        `align="tick"` waits for the counter to tick at both edges. `sync` names a framework ("torch", "tensorflow") or is a function that
        waits for what was launched. `idle_w` gives the idle power: watts, `(watts, half_width)` of their 95 % interval, or what
        `measure.idle` found, at the headline boundary or by boundary. `roots` replaces
        folders such as {"powercap": ...}; what is read there is marked emulated. Raises UsageError for names that nobody knows; a meter
        that may not be read makes the energy Unknown, and never disturbs the program.
        """
        if align not in (None, "tick"):
            raise UsageError(f"align={align!r} is not known", code="measure.align", why="known: None, 'tick'")
        rig = _rig_opener(meter, roots)
        return Measured(name, rig=rig, align=align == "tick", sync=resolve(sync), idle_w=idle_power(idle_w))

    def idle(
        self, seconds: float = 5.0, *, meter: str | Sequence[str] = "auto", roots: Mapping[str, str] | None = None
    ) -> Mapping[Boundary, Quantity]:
        """Measure what the machine draws while this program rests; return watts by boundary.

        Later regions of the same meters take it off in `net_j`. The time is split into four, whose spread is the baseline's uncertainty.
        """
        from edgekit.region.idle import measure_idle

        return measure_idle(_rig_opener(meter, roots)(), amount(seconds, "seconds"))


def _rig_opener(meter: str | Sequence[str], roots: Mapping[str, str] | None) -> Callable[[], Rig]:
    from edgekit.runner.counters import FOLDERS, NAMES, OPTIONS

    names = (meter,) if isinstance(meter, str) else tuple(meter)
    for name in names:
        if name not in NAMES and names != ("auto",):
            raise unknown_name("meter", name, ("auto", *NAMES), list_command="edgekit meters --all")
    if not names:
        raise UsageError("no meter was named", code="measure.no_meter", why="meter= is empty", do=[("let edgekit choose:", 'meter="auto"')])
    replaced = dict(roots or {})
    for folder in replaced:
        if folder not in FOLDERS | OPTIONS:  # the machine's own would be read in its place, and pass for what was meant
            known = ", ".join(sorted(FOLDERS | OPTIONS))
            raise UsageError(f"roots= cannot replace {folder!r}", code="measure.roots", why=f"known: {known}")
    return lambda: open_rig(names, replaced, _WATCH[0])


measure = Measure()
