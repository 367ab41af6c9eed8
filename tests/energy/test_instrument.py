from __future__ import annotations

import pytest

from edgekit.energy.instrument import instrument_terms
from edgekit.meters.cputime import CpuTimeMeter
from edgekit.meters.nvml import NvmlMeter


def _cputime():
    return CpuTimeMeter().spec({"usable": True, "arch": "x86_64", "channels": [{"id": "cputime.process"}]})


def test_an_estimate_keeps_a_part_that_does_not_cancel_between_two_loads():
    gain, load = instrument_terms(_cputime(), "box", value=1.0, offset=None)
    assert gain.instrument is not None
    assert load.instrument is None, "an untagged term stays in a ratio"
    assert load.factor > 1


def test_instruments_on_two_machines_are_two_instruments():
    here, there = (instrument_terms(_cputime(), machine, value=1.0, offset=None)[0] for machine in ("box", "other"))
    assert here.instrument != there.instrument


def test_a_relative_gain_scales_with_the_figure_and_an_offset_does_not():
    board = NvmlMeter().spec({"usable": True, "channels": [{"id": "nvml.gpu0.energy", "raw_unit": "mJ", "measurand": "energy_counter"}]})
    gain, offset = instrument_terms(board, "box", value=40.0, offset=0.5)
    assert gain.u == pytest.approx(2.0)
    assert offset.u == 0.5
