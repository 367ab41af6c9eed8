"""The same model on this host: what a board should be fed, in the way its firmware reads it, and what it should print."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from edgekit.core.errors import ModelError, UsageError
from edgekit.devices.host_model import host_model, to_model, to_wire
from tests.runner import tiny

INT8 = {"dtype": "int8", "scale": 0.5, "zero_point": 3}
ROWS = [[-1.0, 0.0, 2.0, 3.0], [4.0, -4.0, 0.5, 1.0]]


@pytest.mark.parametrize("model", ["kws01", "vww01", "ic01", "ad01", "own01"])
def test_each_firmware_reads_back_the_input_it_was_sent(model: str) -> None:
    data = random.Random(1).randbytes(640)
    assert to_model(to_wire(data, INT8, model), INT8, model) == data


def test_firmware_of_images_takes_pixels_from_0_and_that_of_anomalies_takes_floats() -> None:
    data = bytes([0x80, 0x00, 0x7F])
    assert to_wire(data, INT8, "vww01") == bytes([0, 128, 255])
    assert to_wire(data, INT8, "kws01") == data
    assert len(to_wire(data, INT8, "ad01")) == 12


def test_noise_in_the_buffer_of_an_anomaly_detector_is_some_input() -> None:
    assert len(to_model(b"\xff" * 16 + b"\x00\x00\x80\x7f", INT8, "ad01")) == 5


def test_a_quantized_model_answers_in_numbers_that_mean_something(tmp_path: Path) -> None:
    artifact = tiny.tflite(tmp_path / "m.tflite", quantized=True)
    with host_model(artifact, tiny.samples(tmp_path / "x.npz", ROWS), cache_dir=tmp_path) as host:
        assert (host.inputs, host.samples) == ("samples", 2)
        found = host.expected(0, "own01")
        assert found.wire == bytes([1, 3, 7, 9])
        assert found.results == (0.0, 0.0, 2.0, 3.0)
        assert found.step == 0.5
        assert host.results(found.wire, "own01") == found.results
        assert host.expected(1, "own01").results == (4.0, 0.0, 0.5, 1.0)
        squares = host.expected(0, "ad01").results
        assert squares == pytest.approx([1 / 4]), "the mean of the squares by which the output is not the input: 1, 0, 0, 0"
        with pytest.raises(UsageError) as refused:
            host.results(b"123", "own01")
        assert refused.value.code == "samples.shape"


def test_a_float_model_answers_as_it_is(tmp_path: Path) -> None:
    with host_model(tiny.tflite(tmp_path / "m.tflite"), None, cache_dir=tmp_path) as host:
        found = host.expected(0, "own01")
        assert host.inputs == "synthetic"
        assert len(found.wire) == 16
        assert found.step is None


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    artifact = tmp_path / "m.tflite"
    artifact.write_bytes(b"\0\0\0\0TFL3" + bytes(100))
    with pytest.raises(ModelError), host_model(artifact, None, cache_dir=tmp_path):
        pass
