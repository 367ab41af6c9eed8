"""One thread reads between the edges of all open regions, and only then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from edgekit.links.clock import HostClock
from edgekit.region.instrument import Instrument, Rig
from edgekit.region.measure import Measured
from edgekit.region.watch import Watch
from tests.region.bench import Scene


def eventually(happened: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + 10
    while not happened() and time.monotonic() < give_up:
        time.sleep(0.005)
    return happened()


def test_one_thread_serves_all_regions_and_rests_when_they_are_closed() -> None:
    reads = []
    watch = Watch(HostClock())
    spec = Scene().power_rig().instruments[0].spec

    def region() -> Measured:
        instrument = Instrument(spec=spec, readers=[("power.place", lambda: reads.append(1) or 42.0)])
        rig = Rig(clock=HostClock(), instruments=[instrument], watch=watch)
        return Measured("x", rig=lambda: rig)

    before = threading.active_count()
    with region() as outer, region() as inner:
        assert eventually(lambda: len(outer._span.rig.gauges[0].log) > 2 and len(inner._span.rig.gauges[0].log) > 2)
        assert threading.active_count() == before + 1
    assert watch.poll() is None
    settled = len(reads)
    assert watch.poll() is None
    assert len(reads) == settled
    assert outer.energy_j.value is not None


def test_a_region_that_was_dropped_without_closing_is_not_read_for_ever() -> None:
    scene = Scene(1)
    region = scene.region(scene.power_rig())
    region.__enter__()
    assert scene.watch.poll() is not None
    del region
    assert scene.watch.poll() is None
