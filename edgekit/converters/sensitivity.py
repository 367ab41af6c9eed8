"""Find out which layers lose most when they are quantized, and which to keep in float. Runs in a child process, without TensorFlow.

Each layer is quantized alone, all others stay float, and the outputs are compared with those of the float hub on the same inputs. Losses
of single layers do not add up to that of all together, so what is kept is chosen by measuring the joint result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edgekit.converters.base import Recipe, recipe_of
from edgekit.converters.settings import Settings
from edgekit.converters.verify.evidence import read_arrays
from edgekit.converters.verify.metrics import finite, sqnr_db
from edgekit.core.artifact import LayerLoss
from edgekit.core.jsonio import as_data, validate

Stage = Callable[[str], None]

MOST_SAMPLES: Final = 64  # a ranking needs no more, and each layer runs all of them
_JOINT_SAMPLES: Final = 512
_LOST: Final = -99.0  # in dB, for outputs that are not finite or cannot be made


class Bench:
    """Hold a float hub, what it says to the inputs, and the means to quantize it in parts."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._settings = validate(Settings, job["settings"], where="the job")
        self._work = Path(job["work"])
        self.recipe: Recipe = recipe_of(job["recipe"], self._settings.onnx_activations)
        self._hub = self._float_hub()
        self._calibration = read_arrays(self._work / "calib.npz") if self.recipe.needs_calibration else {}
        self._proof = read_arrays(self._work / "proof.npz")
        self._expected: dict[int, list[Any]] = {}
        self.sizes = self._sizes()

    def loss_db(self, kept: Sequence[str], most: int) -> float:
        """Return the agreement in dB with the float hub when all layers but `kept` are quantized, on up to `most` inputs."""
        inputs = {name: array[:most] for name, array in self._proof.items()}
        if most not in self._expected:
            self._expected[most] = self._open(self._hub).run(inputs)
        out = self._work / f"part.{self.recipe.key}"
        self._quantize(out, kept)
        outputs = self._open(out).run(inputs)
        if not all(finite(output) for output in outputs):
            return _LOST
        found = sqnr_db(outputs, self._expected[most])
        return found if math.isfinite(found) else math.copysign(-_LOST, found)

    def losses(self) -> list[LayerLoss]:
        """Return what each layer loses alone, the worst first."""
        names = list(self.sizes)
        alone = [
            LayerLoss(layer=name, weights=self.sizes[name], sqnr_db=self.loss_db([other for other in names if other != name], MOST_SAMPLES))
            for name in names
        ]
        return sorted(alone, key=lambda loss: loss.sqnr_db)

    def _float_hub(self) -> Path:
        from edgekit.converters.quantize.shared import prepared_hub

        hub = self._work / f"hub.{self.recipe.hub}"
        return hub if self.recipe.hub == "tflite" else prepared_hub(hub)

    def _sizes(self) -> dict[str, int]:
        from edgekit.converters.quantize import onnx, tflite

        return tflite.layer_sizes(self._hub) if self.recipe.hub == "tflite" else onnx.layer_sizes(self._hub)

    def _quantize(self, out: Path, kept: Sequence[str]) -> None:
        from edgekit.converters.quantize import onnx, tflite
        from edgekit.converters.quantize.shared import ranges_of

        ranges = ranges_of(self._hub, self._calibration, self._settings.calibration) if self.recipe.needs_calibration else None
        quantize = tflite.quantize if self.recipe.hub == "tflite" else onnx.quantize
        quantize(self._hub, out, self.recipe, ranges, kept)

    def _open(self, path: Path) -> Any:
        from edgekit.converters.runtimes.litert import LiteRtModel
        from edgekit.converters.runtimes.ort import OrtModel

        return LiteRtModel(path) if self.recipe.hub == "tflite" else OrtModel(path)


def run(job: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Return {"layers": [LayerLoss, the worst first], "joint_db": agreement with everything quantized}."""
    stage("quantizing one layer at a time")
    bench = Bench(job)
    return {"layers": as_data(bench.losses()), "joint_db": bench.loss_db([], MOST_SAMPLES)}


def mix(job: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Return what `run` does, with "kept": the fewest of the worst layers that must stay float for "floor_db" to hold, and its "mixed_db".

    Without any layer that does it, all that help are kept and "mixed_db" stays below the floor.
    """
    stage("quantizing one layer at a time")
    bench = Bench(job)
    layers = bench.losses()
    stage("choosing the layers to keep")
    worst = [loss.layer for loss in layers]
    kept, mixed_db = fewest(lambda count: bench.loss_db(worst[:count], _JOINT_SAMPLES), len(worst), float(job["floor_db"]))
    return {"layers": as_data(layers), "joint_db": bench.loss_db([], MOST_SAMPLES), "kept": worst[:kept], "mixed_db": mixed_db}


def fewest(joint_db: Callable[[int], float], most: int, floor_db: float) -> tuple[int, float]:
    """Return (count, dB): the fewest kept layers that reach the floor, else the count that comes nearest; `joint_db` measures one count.

    Doubles the count until the floor is reached, then halves the interval: keeping more of the worst rarely makes it worse.
    """
    measured: dict[int, float] = {}

    def holds(count: int) -> bool:
        if count not in measured:
            measured[count] = joint_db(count)
        return measured[count] >= floor_db

    low, high = -1, 0
    while not holds(high):
        if high == most:
            nearest = max(measured, key=lambda count: (measured[count], -count))
            return nearest, measured[nearest]
        low, high = high, min(most, max(1, 2 * high))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high, measured[high]
