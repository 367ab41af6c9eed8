"""A self-test is kept for one instrument behind one driver, and used for no other."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edgekit.core.errors import UsageError
from edgekit.core.quantity import Origin
from edgekit.metering import merged
from edgekit.store.calibrations import CALIBRATION, CalibrationStore, identity_of, read_recording, write_recording
from tests.calibrations import calibration, recording, spec, trace


@pytest.fixture
def store(tmp_path):
    return CalibrationStore(tmp_path / "calibrations")


def test_what_was_saved_is_found_again_with_its_readings(store):
    saved = calibration(spec())
    folder = store.save(saved, recording(spec()), [trace()])
    assert store.known(spec()).current == saved
    (ticks,) = folder.glob("ticks-*")
    kept, traces = read_recording(ticks)
    assert kept.stretches == recording(spec()).stretches
    assert kept.meter == spec()
    assert list(traces["nvml.gpu0.energy"].value) == [0, 1, 2, 3, 4]


def test_a_newer_self_test_takes_the_place_of_the_older(store):
    store.save(calibration(spec()), recording(spec()), [trace()])
    newer = calibration(spec(), created="2026-11-23T10:00:00Z", fraction=1.0)
    folder = store.save(newer, recording(spec(), "2026-11-23T10:00:00Z"), [trace()])
    assert store.known(spec()).current == newer
    assert [path.name for path in folder.glob("ticks-*")] == ["ticks-20261123T100000Z"]


@pytest.mark.parametrize("other", [spec(driver="590.2"), spec(identity="GPU-2"), spec(origin=Origin.EMULATED)])
def test_another_driver_or_instrument_does_not_use_it(store, other):
    store.save(calibration(spec()), recording(spec()), [])
    assert store.known(other).current is None


def test_another_driver_is_told_apart_from_another_instrument(store):
    store.save(calibration(spec()), recording(spec()), [])
    assert [item.driver for item in store.known(spec(driver="590.2")).others] == ["580.1"]
    assert store.known(spec(identity="GPU-2")).others == ()


def test_a_rehearsal_is_never_taken_for_the_instrument_it_imitates(store):
    emulated = spec(origin=Origin.EMULATED)
    store.save(calibration(emulated), recording(emulated), [])
    assert store.known(emulated).current is not None
    assert store.known(spec()).current is None
    assert store.known(spec()).others == ()
    assert identity_of(emulated) == "emulated:GPU-1"


def test_an_instrument_without_identity_is_never_known(store):
    nameless = spec(identity="")
    store.save(replace(calibration(nameless), identity=""), recording(nameless), [])
    assert store.known(nameless).current is None


def test_a_damaged_calibration_is_named_and_not_used(store):
    folder = store.save(calibration(spec()), recording(spec()), [])
    (folder / CALIBRATION).write_text('{"schema": "edgekit.calibration/1", "meter":')
    known = store.known(spec())
    assert known.current is None
    assert [note.code for note in known.notes] == ["calibration.damaged"]
    assert "edgekit meters selftest nvml" in known.notes[0].advice


def test_a_recording_can_be_kept_anywhere_and_a_missing_one_is_a_usage_error(tmp_path):
    assert read_recording(write_recording(tmp_path / "kept", recording(spec()), [trace()]))[0].created == "2026-11-22T10:00:00Z"
    with pytest.raises(UsageError):
        read_recording(tmp_path / "none")


def test_what_was_found_out_is_merged_and_what_was_not_stays_as_documented():
    documented = spec()
    documented = replace(
        documented, channels=tuple(replace(item, update_period_s=0.02, sampled_fraction=1.0) for item in documented.channels)
    )
    energy, power = merged(documented, calibration(documented)).channels
    assert (energy.update_period_s, energy.sampled_fraction, energy.averaging_s) == (0.1, 0.25, None)  # a counter averages nothing
    assert (power.update_period_s, power.sampled_fraction, power.averaging_s) == (0.1, 0.25, 0.025)
    assert merged(documented, calibration(documented, fraction=None)).channels[0].sampled_fraction == 1.0


@pytest.mark.parametrize(("fraction", "taken"), [(0.96, 1.0), (0.9, 0.9), (0.25, 0.25)])
def test_a_share_that_cannot_be_told_from_the_whole_is_taken_for_it(fraction, taken):
    assert merged(spec(), calibration(spec(), fraction=fraction)).channels[0].sampled_fraction == taken


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sampled_fraction", 0.0),
        ("sampled_fraction", -1.0),
        ("sampled_fraction", 2.0),
        ("update_period_s", 0.0),
        ("update_period_s", -0.1),
        ("update_period_s", 1e5),  # a bench would wait up to a day before each window
        ("averaging_s", -1.0),
        ("noise_w", float("inf")),
    ],
)
def test_what_no_self_test_finds_is_damaged_and_not_used(store, field, value):
    saved = calibration(spec())
    path = store.save(saved, recording(spec()), []) / CALIBRATION
    stored = json.loads(path.read_text())
    stored["channels"][0][field].update(value=value, low=value, high=value)
    path.write_text(json.dumps(stored))
    known = store.known(spec())
    assert (known.current, [note.code for note in known.notes]) == (None, ["calibration.damaged"])
