"""Hold int8 files made here against the published ones of three trained networks, MLPerf Tiny's.

No real calibration data is at hand: one synthetic set calibrates ours and judges both. That is a test of the converter, and says nothing of
the quality of either file on real data.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.converters.contents import tflite
from edgekit.converters.runtimes.litert import LiteRtModel
from edgekit.converters.verify.metrics import sqnr_db
from edgekit.flows.convert import ConvertRequest, ConvertResult
from tests.converters.one_process import convert_each

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("official")]

COUNT = 36  # fewer than 40: all of them calibrate


@dataclass(frozen=True)
class Published:
    """Name the files of one network, and the coarse grid of which its synthetic inputs are made."""

    keras: str
    float_: str
    int8: str
    grid: tuple[int, ...]


PUBLISHED: Mapping[str, Published] = {
    "ad01": Published("ad01.h5", "ad01_fp32.tflite", "ad01_int8.tflite", (40,)),
    "ic01": Published("pretrainedResnet.h5", "pretrainedResnet.tflite", "pretrainedResnet_quant.tflite", (8, 8, 3)),
    "vww": Published("vww_96.h5", "vww_96_float.tflite", "vww_96_int8.tflite", (6, 6, 3)),
}
SOURCES = [(name, source) for name in PUBLISHED for source in ("keras", "tflite")]


@pytest.fixture(scope="session")
def published(shared_data: Path) -> Path:
    folder = shared_data / "mlperf_tiny" / "models"
    if not folder.is_dir():
        pytest.skip("the shared data holds no published models")
    if find_spec("tensorflow") is None:
        pytest.skip("the convert extra is not installed")
    return folder


def inputs(folder: Path, name: str) -> Any:
    """Return patches of random colour (stretches of random level) over the range that the published file's input covers."""
    (port,) = LiteRtModel(folder / PUBLISHED[name].int8).inputs
    grid = PUBLISHED[name].grid
    assert port.scale is not None
    assert port.zero_point is not None
    coarse = np.random.default_rng(zlib.crc32(name.encode())).uniform(-128, 127, (COUNT, *grid))
    for axis, (cells, size) in enumerate(zip(grid, port.shape[1:], strict=True), start=1):
        coarse = coarse.repeat(size // cells, axis)
    return (port.scale * (coarse - port.zero_point)).astype(np.float32)


@pytest.fixture(scope="session")
def made(published: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], ConvertResult]:
    """Return the conversions to int8 from Keras, and from the float .tflite that was published beside it."""
    out = tmp_path_factory.mktemp("official")
    requests = {}
    for name, files in PUBLISHED.items():
        np.save(out / f"{name}.npy", inputs(published, name))
        for source, file in (("keras", files.keras), ("tflite", files.float_)):
            requests[f"{name} {source}"] = ConvertRequest(
                model=published / file,
                out=out / source,
                recipes=("fp32", "int8-full"),
                formats=("tflite",),
                calibration=out / f"{name}.npy",
                name=name,
            )
    return {(key.split()[0], key.split()[1]): result for key, result in convert_each(requests).items()}


def run(path: Path, x: Any) -> list[Any]:
    model = LiteRtModel(path)
    return model.run({model.inputs[0].name: x})


def kinds(path: Path) -> set[str]:
    return {operator.name for operator in tflite.read(path).operators}


def artifact(result: ConvertResult, recipe: str = "int8-full") -> Path:
    (row,) = (row for row in result.rows if row.recipe == recipe)
    assert row.failure is None, row.failure
    assert row.path is not None
    return Path(row.path)


@pytest.mark.parametrize(("name", "source"), SOURCES)
def test_an_int8_file_is_as_small_and_as_close_as_the_published_one(
    name: str, source: str, made: dict[tuple[str, str], ConvertResult], published: Path
) -> None:
    """From the float .tflite, whose names are shorter, ours is smaller still: it keeps no range of each channel beside its scale."""
    theirs, ours = published / PUBLISHED[name].int8, artifact(made[name, source])
    x = inputs(published, name)
    reference = run(published / PUBLISHED[name].float_, x)
    assert np.std(reference[0], axis=0).max() > 0.05, "inputs to which the network says one thing prove nothing"
    assert sqnr_db(run(ours, x), reference) >= sqnr_db(run(theirs, x), reference) > 10
    ratio = ours.stat().st_size / theirs.stat().st_size
    assert (0.95 if source == "keras" else 0.9) <= ratio <= 1.05


@pytest.mark.parametrize(("name", "source"), SOURCES)
def test_it_computes_with_the_same_kinds_of_operators_all_of_them_in_int8(
    name: str, source: str, made: dict[tuple[str, str], ConvertResult], published: Path
) -> None:
    """Today's exporter lets a dense layer read an image as it is, where a RESHAPE, which computes nothing, was before it."""
    theirs, ours = tflite.read(published / PUBLISHED[name].int8), tflite.read(artifact(made[name, source]))
    unneeded = {"RESHAPE"} if source == "keras" else set()
    assert {one.name for one in ours.operators} == {one.name for one in theirs.operators} - unneeded
    assert ours.scheme == theirs.scheme == "int8 weights, int8 activations"
    assert (set(ours.weights), set(ours.compute)) == ({"int8"}, {"int8"})


@pytest.mark.parametrize(("name", "least_db"), [("ad01", 30), ("ic01", 100), ("vww", 100)])
def test_the_published_float_file_is_the_network_of_the_keras_file(
    name: str, least_db: float, made: dict[tuple[str, str], ConvertResult], published: Path
) -> None:
    """But for ad01, whose .tflite has the weights of the Keras file without the biases of the layers that are normalised."""
    x = inputs(published, name)
    assert sqnr_db(run(artifact(made[name, "keras"], "fp32"), x), run(published / PUBLISHED[name].float_, x)) > least_db
