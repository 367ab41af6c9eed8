"""A run uses the self-test of its own instrument, and says so when there is one that it cannot use."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgekit.core.hardware import DeviceSpec
from edgekit.metering import choose
from edgekit.store.calibrations import CalibrationStore
from tests.calibrations import about, calibration, recording
from tests.fakes import FakeDevice

ROW = {
    "id": "rapl.package-0",
    "domain": "package",
    "raw_unit": "uJ",
    "measurand": "energy_counter",
    "parent": None,
    "quantum": 61,
    "wrap": None,
}
PROBE = {"usable": True, "channels": [{**ROW, "identity": "box", "driver": "Linux 6.1", "update_period_s": 0.001}], "detail": "powercap"}


def chosen(store, *, driver="Linux 6.1", emulated=False):
    rows = [{**PROBE["channels"][0], "driver": driver}]
    device = FakeDevice(DeviceSpec(name="box", kind="local"), probes={"rapl": {**PROBE, "channels": rows, "emulated": emulated}})
    return choose(["rapl"], device=device, session=device, store=store)


@pytest.fixture
def store(tmp_path):
    store = CalibrationStore(tmp_path)
    before = chosen(store).specs[0]
    found = calibration(before)
    found = replace(found, channels=(replace(found.channels[0], update_period_s=about(0.0009, "s")),))
    store.save(found, recording(before), [])
    return store


def test_a_run_uses_what_the_self_test_found_and_keeps_it(store):
    run = chosen(store)
    share = run.calibrations[0].channels[0].sampled_fraction
    assert run.specs[0].channels[0].update_period_s == 0.0009
    assert run.specs[0].channels[0].sampled_fraction == 0.25
    assert run.specs[0].channels[0].sampled_fraction_range == pytest.approx((share.low, share.high))
    assert [item.created for item in run.calibrations] == ["2026-11-22T10:00:00Z"]
    assert run.notes == ()


def test_a_self_test_behind_another_driver_is_not_used_and_says_so(store):
    run = chosen(store, driver="Linux 6.9")
    assert (run.specs[0].channels[0].update_period_s, run.calibrations) == (0.001, ())
    assert [note.code for note in run.notes] == ["calibration.other_driver"]
    assert "Linux 6.1" in run.notes[0].text
    assert "edgekit meters selftest rapl" in run.notes[0].advice


def test_a_real_self_test_is_not_used_for_an_imitation_nor_the_other_way_round(store, tmp_path):
    assert chosen(store, emulated=True).calibrations == ()
    imitations = CalibrationStore(tmp_path / "imitations")
    imitated = chosen(imitations, emulated=True).specs[0]
    imitations.save(calibration(imitated), recording(imitated), [])
    assert len(chosen(imitations, emulated=True).calibrations) == 1
    assert chosen(imitations).calibrations == ()
