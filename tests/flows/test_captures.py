"""Captured ticks still say what they said: those of real boards (tests/hardware), and of an emulated one that is labelled so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.core import jsonio
from edgekit.core.calibration import Calibration
from edgekit.energy.sensors.response import Load
from edgekit.flows.selftest.analyse import analyse
from edgekit.store.calibrations import CALIBRATION, read_recording

CAPTURES = Path(__file__).parents[1] / "captures"
EMULATED_QUARTER = "emulated-h100-quarter"


def analysed(folder):
    recording, traces = read_recording(folder)
    load = traces.get("load")
    driven = Load(t_ns=load.t_ns.astype(np.float64), share=load.value) if load is not None else None
    return analyse(recording.meter, traces, recording.stretches, driven)


@pytest.mark.parametrize("folder", sorted(path.parent for path in CAPTURES.glob(f"*/{CALIBRATION}")), ids=lambda path: path.name)
def test_a_capture_still_says_what_it_said(folder):
    said = jsonio.load_record(Calibration, (folder / CALIBRATION).read_bytes(), where=str(folder))
    assert said.identity.startswith("emulated:") == folder.name.startswith("emulated-")
    for now, then in zip(analysed(folder), said.channels, strict=True):
        for name in ("update_period_s", "sampled_fraction", "averaging_s"):
            one, other = getattr(now, name), getattr(then, name)
            assert one.value == pytest.approx(other.value, rel=1e-6), f"{now.channel} {name}"
            assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-6), f"{now.channel} {name}"


def test_the_emulated_capture_was_made_of_a_quarter_of_100_ms():
    for channel in analysed(CAPTURES / EMULATED_QUARTER):
        assert channel.update_period_s.low <= 0.1 <= channel.update_period_s.high
        assert channel.sampled_fraction.low <= 0.25 <= channel.sampled_fraction.high
        assert channel.sampled_fraction.high < 0.5
