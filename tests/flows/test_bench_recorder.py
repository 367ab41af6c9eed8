"""What the recorder of a benchmark keeps when something goes wrong beside it."""

from __future__ import annotations

import pytest

from edgekit.core.errors import HardwareError
from edgekit.core.trace import ClockMap, Reading
from edgekit.core.window import Phase, Window
from edgekit.flows.bench.recorder import Recorder
from edgekit.store.journal import SessionHeader, fold, read_events
from tests.reports.records import edge_rapl


def test_readings_that_are_still_under_way_when_a_meter_is_lost_are_kept(tmp_path):
    recorder = Recorder(tmp_path, clocks={"c": "host"})
    recorder.failed(HardwareError("every counter was lost", code="meter.lost"))
    recorder.sink([Reading(channel="c", t_ns=1, bracket_ns=0, value=2.0)])
    recorder.close()
    assert recorder.readings == 1
    with pytest.raises(HardwareError, match="every counter was lost"):
        recorder.check()


def test_gaps_of_an_instrument_on_the_host_touch_the_windows_of_the_device_that_they_fall_into(tmp_path):
    second = 1_000_000_000
    recorder = Recorder(tmp_path, clocks={})
    recorder.header(_header())
    ahead = ClockMap(source="sim", target="host", offset_ns=1000 * second, bracket_ns=10, at_ns=0)
    recorder.event("clock_map", ahead)
    for index in range(3):
        start_ns = (1 + 10 * index) * second
        recorder.window(
            Window(phase=Phase.MEASURE, index=index, clock="sim", start_ns=start_ns, end_ns=start_ns + 8 * second, inferences=1), 0
        )
    recorder.on_host("host").gap(1010 * second, 1013 * second)  # from 10 s to 13 s on the device: the second window's start
    recorder.gap(28 * second, 30 * second)  # the device's own: the third window's end
    recorder.close()
    (record,) = fold(read_events(tmp_path), (), where=str(tmp_path))
    assert [bool(window.invalid) for window in record.windows] == [False, True, True]


def _header():
    like = edge_rapl()
    return SessionHeader(
        session="s",
        created=like.created,
        run_ids=("r",),
        artifacts=(like.artifact,),
        device=like.device,
        plan=like.plan,
        meters=like.meters,
        facts=like.facts_before,
        inputs=("synthetic",),
        tool={},
    )
