"""What the recorder of a benchmark keeps when something goes wrong beside it."""

from __future__ import annotations

import pytest

from edgekit.core.errors import HardwareError
from edgekit.core.trace import Reading
from edgekit.flows.bench.recorder import Recorder


def test_readings_that_are_still_under_way_when_a_meter_is_lost_are_kept(tmp_path):
    recorder = Recorder(tmp_path, clocks={"c": "host"})
    recorder.failed(HardwareError("every counter was lost", code="meter.lost"))
    recorder.sink([Reading(channel="c", t_ns=1, bracket_ns=0, value=2.0)])
    recorder.close()
    assert recorder.readings == 1
    with pytest.raises(HardwareError, match="every counter was lost"):
        recorder.check()
