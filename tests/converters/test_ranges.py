"""Read the ranges of activations: extremes, or percentiles of a histogram that does not care in which order samples come."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.converters.quantize import onnx, tflite
from edgekit.converters.quantize.histogram import BINS, Histogram
from edgekit.converters.quantize.ranges import Observer, Ranges
from edgekit.converters.quantize.shared import once, ranges_of
from edgekit.core.errors import UsageError
from tests.converters import onnx_network
from tests.converters.network import Network

VALUES = st.lists(st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=False), min_size=1, max_size=60)


def observed(method: str, *samples: Any) -> tuple[float, float]:
    observer = Observer(method)
    for sample in samples:
        observer.sample({"t": np.asarray(sample, np.float32)})
    return observer.ranges().bounds["t"]


@given(samples=st.lists(VALUES, min_size=1, max_size=6), seed=st.integers(0, 99), share=st.sampled_from(["minmax", "90", "99.9", "100"]))
def test_ranges_do_not_depend_on_the_order_of_samples_and_stay_within_the_extremes(samples: Any, seed: int, share: str) -> None:
    low, high = observed(share, *samples)
    shuffled = [samples[at] for at in np.random.default_rng(seed).permutation(len(samples))]
    assert observed(share, *shuffled) == (low, high)
    everything = np.concatenate([np.float32(sample) for sample in samples])
    assert everything.min() <= low <= high <= everything.max()
    if share in ("minmax", "100"):
        assert (low, high) == (everything.min(), everything.max())


@given(
    values=st.lists(st.floats(-1000, 1000, width=32, allow_subnormal=False), min_size=1, max_size=300),
    share=st.sampled_from([0.6, 0.9, 0.99]),
)
def test_no_more_than_the_share_asked_for_is_cut_off_at_each_end(values: list[float], share: float) -> None:
    histogram = Histogram()
    for part in np.array_split(np.float32(values), 3):
        if part.size:
            histogram.add(part)
    low, high = histogram.inner(share, min(values), max(values))
    cut = len(values) * (1 - share) / 2
    assert sum(value < low for value in values) <= cut
    assert sum(value > high for value in values) <= cut


def test_a_percentile_is_that_of_the_values_to_a_bin() -> None:
    values = np.random.default_rng(0).normal(size=200_000).astype(np.float32)
    low, high = observed("99", *np.array_split(values, 50))
    wanted = np.quantile(values, [0.005, 0.995])
    bin_width = 2 * float(values.max() - values.min()) / BINS
    assert [low, high] == [pytest.approx(value, abs=2 * bin_width) for value in wanted.tolist()]


def test_one_value_far_out_is_kept_by_extremes_and_cut_by_a_percentile() -> None:
    values = np.append(np.linspace(0, 1, 9999), 1e6)
    assert observed("minmax", values)[1] == 1e6
    assert observed("99.9", values)[1] < 600  # a bin of a range of a million is 256 wide


def test_infinities_that_mask_are_no_activations() -> None:
    assert observed("minmax", [-np.inf, 1.0, 2.0], [-np.inf, 0.5, 1.0]) == (0.5, 2.0)


@pytest.mark.parametrize("method", ["50", "0", "100.1", "nan", "median"])
def test_a_percentile_that_cannot_be_meant_is_refused(method: str) -> None:
    with pytest.raises(UsageError) as caught:
        Observer(method)
    assert caught.value.code == "usage.value"


def test_ranges_are_kept_to_the_last_digit(tmp_path: Path) -> None:
    ranges = Ranges(method="minmax", samples=3, bounds={"a": (float(np.float32(-0.1)), float(np.float32(1 / 3)))})
    ranges.save(tmp_path / "ranges.json")
    assert Ranges.load(tmp_path / "ranges.json") == ranges


def test_both_formats_see_the_same_extremes(tmp_path: Path) -> None:
    """y = x @ w in both, so that input and output have the ranges that numpy says."""
    net = Network(1, 8).dense(4)
    hub = net.write(tmp_path / "hub.tflite")
    x = net.inputs(30)
    bounds = tflite.calibrate(hub, {"x": x}, "minmax").bounds
    assert bounds["x0"] == (x.min(), x.max())
    model = onnx_network.save(
        tmp_path / "m.onnx",
        [onnx_network.helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"w": np.eye(8, dtype=np.float32)},
        x=(1, 8),
        y=(1, 8),
    )
    onnx.prepare(model, tmp_path / "prepared.onnx")
    assert onnx.calibrate(tmp_path / "prepared.onnx", {"x": x}, "minmax").bounds == {"x": (x.min(), x.max()), "y": (x.min(), x.max())}


def test_ranges_are_read_once_for_the_same_inputs_and_method(tmp_path: Path) -> None:
    net = Network(1, 8).dense(4)
    hub = net.write(tmp_path / "hub.tflite")
    x = net.inputs(5)
    first = ranges_of(hub, {"x": x}, "minmax")
    assert ranges_of(hub, {"x": x}, "minmax") == first
    assert ranges_of(hub, {"x": x * 2}, "minmax") != first
    ranges_of(hub, {"x": x}, "99")
    assert len(list(tmp_path.glob("*.json"))) == 3


def test_who_comes_first_makes_what_all_need_and_a_failure_leaves_it_to_the_next(tmp_path: Path) -> None:
    path, calls = tmp_path / "shared", []

    def fail(_: Path) -> None:
        raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        once(path, fail)

    def make(part: Path) -> None:
        calls.append(part)
        part.write_text("made")

    threads = [threading.Thread(target=once, args=(path, make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(calls), path.read_text()) == (1, "made")
