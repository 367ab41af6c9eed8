"""One thread reads between the edges of all open regions, and only then."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from edgekit.links.clock import HostClock
from edgekit.region.instrument import Instrument, Rig
from edgekit.region.measure import Measured
from edgekit.region.watch import Watch
from tests.conftest import clean_environment
from tests.region.bench import Scene
from tests.runner import trees


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


def test_a_program_that_may_start_no_thread_goes_on(tmp_path: Path) -> None:
    program = """
import subprocess
import sys
import threading
def start(self): raise RuntimeError("can't start new thread")
threading.Thread.start = start  # as with too low a limit, or while the interpreter ends
from edgekit.api import measure
with measure("x", meter="cputime") as counted: sum(range(1_000_000))
with measure("y", meter="rapl", roots={"powercap": ROOT}) as watched: pass
print(counted.energy_j.value is not None, watched.duration_s is not None)
"""
    root = trees.powercap(tmp_path / "powercap", trees.LAPTOP)
    command = [sys.executable, "-c", program.replace("ROOT", repr(str(root)))]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_a_child_that_was_forked_while_locks_were_held_does_not_wait_for_them(tmp_path: Path) -> None:
    program = """
import os, signal
from edgekit.api import measure
from edgekit.region import instrument, measure as module
region = measure("x", meter="rapl", roots={"powercap": ROOT})
region.__enter__()
module._WATCH[0]._lock.acquire(); instrument._OPENING[0].acquire()  # as another thread may hold them
child = os.fork()
if child == 0:
    signal.alarm(20)
    region.__exit__(None, None, None)
    with measure("y", meter="rapl", roots={"powercap": ROOT}): pass
    os._exit(0)
raise SystemExit(os.waitpid(child, 0)[1])
"""
    root = trees.powercap(tmp_path / "powercap", trees.LAPTOP)
    command = [sys.executable, "-c", program.replace("ROOT", repr(str(root)))]
    assert subprocess.run(command, env=clean_environment(), capture_output=True, check=False).returncode == 0


def test_regions_that_always_overlap_keep_no_readings_from_before_the_oldest_of_them() -> None:
    scene = Scene(2)
    rig = scene.power_rig()
    first = scene.region(rig)
    first.__enter__()
    for _ in range(20):
        for _ in range(40):
            scene.clock.sleep(0.05)
            scene.watch.poll()
        second = scene.region(rig)
        second.__enter__()
        first.__exit__(None, None, None)
        first = second
    assert first.span is not None
    assert all(look.before_ns >= first.span.start_ns for look in rig.gauges[0].log)
    assert len(rig.gauges[0].log) < 50
