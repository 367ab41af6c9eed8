from __future__ import annotations

import pytest

from edgekit.energy.sensors.instrument import instrument_tag, instrument_terms
from edgekit.meters.cputime import CpuTimeMeter
from edgekit.meters.nvml import NvmlMeter
from edgekit.meters.rapl import RaplMeter


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


def _rapl(*places, emulated=False):
    rows = [{"id": f"rapl.{place}", "raw_unit": "uJ", "measurand": "energy_counter", "domain": "package"} for place in places]
    named = [{**row, "identity": "Xeon 6248, 2 socket(s)", "driver": "Linux 6.1"} for row in rows]
    return RaplMeter().spec({"usable": True, "channels": named, "emulated": emulated})


def _board(uuid, *, emulated=False):
    row = {"id": "nvml.gpu0.energy", "raw_unit": "mJ", "measurand": "energy_counter", "identity": uuid}
    return NvmlMeter().spec({"usable": True, "channels": [row], "emulated": emulated})


def test_two_machines_of_one_model_have_two_instruments_though_their_processors_name_themselves_alike():
    spec = _rapl("package-0")
    assert instrument_tag(spec, "box", spec.channels) != instrument_tag(spec, "other", spec.channels)
    assert instrument_tag(spec, "box", spec.channels) == instrument_tag(_rapl("package-0"), "box", spec.channels)


def test_two_packages_of_one_machine_are_two_sensors():
    one, other = _rapl("package-0"), _rapl("package-1")
    assert instrument_tag(one, "box", one.channels) != instrument_tag(other, "box", other.channels)


def test_a_board_is_the_same_instrument_wherever_it_is_plugged_in_and_another_board_never_is():
    spec = _board("GPU-1")
    assert instrument_tag(spec, "box", spec.channels) == instrument_tag(spec, "other", spec.channels)
    assert instrument_tag(spec, "box", spec.channels) != instrument_tag(_board("GPU-2"), "box", spec.channels)


def test_an_imitation_is_never_the_instrument_that_it_imitates():
    spec = _board("GPU-1", emulated=True)
    assert instrument_tag(spec, "box", spec.channels) != instrument_tag(_board("GPU-1"), "box", spec.channels)
