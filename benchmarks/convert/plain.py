"""Convert a Keras model to five artifacts by calling the libraries one after another, as a script of one's own would; nothing is verified.

python benchmarks/convert/plain.py MODEL.keras CALIB.npz OUT
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="")

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.calibrator import Calibrator
from ai_edge_quantizer.qtyping import TFLOperationName
from ai_edge_quantizer.quantizer import Quantizer
from ai_edge_quantizer.recipe_manager import RecipeManager
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Reader(CalibrationDataReader):
    """Hand out samples one at a time."""

    def __init__(self, name: str, samples: np.ndarray) -> None:
        self._left = iter([{name: samples[index : index + 1]} for index in range(len(samples))])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next sample."""
        return next(self._left, None)


def widen(old: dict, new: dict) -> dict:
    """Return the range that holds both."""
    return {"min": np.minimum(old["min"], new["min"]), "max": np.maximum(old["max"], new["max"])} if old else new


def quantized(hub: Path, recipe: RecipeManager, out: Path, ranges: dict | None = None) -> None:
    """Quantize a .tflite."""
    out.write_bytes(Quantizer(str(hub), recipe.get_quantization_recipe()).quantize(ranges).quantized_model)


def main() -> None:
    """Make fp32, fp16 and int8 TFLite, then fp32 and int8 ONNX."""
    source, data, out = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    samples = np.load(data)["x"]
    model = keras.saving.load_model(source, compile=False)
    name = model.inputs[0].name
    hub = out / "fp32.tflite"
    model.export(hub, format="litert", input_signature=[keras.InputSpec(shape=(1, *model.inputs[0].shape[1:]), dtype="float32", name=name)])

    half = RecipeManager()
    half.add_weight_only_config(".*", TFLOperationName.ALL_SUPPORTED, num_bits=16, algorithm_key=AlgorithmName.FLOAT_CASTING)
    quantized(hub, half, out / "fp16.tflite")

    integer = RecipeManager()
    integer.add_static_config(".*", TFLOperationName.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
    calibrator = Calibrator(str(hub), num_threads=1, qsv_update_func=widen)
    calibrator.calibrate({"serving_default": [{name: samples[index : index + 1]} for index in range(len(samples))]}, integer)
    quantized(hub, integer, out / "int8.tflite", calibrator.get_model_qsvs())

    proto, _ = tf2onnx.convert.from_keras(model, input_signature=[tf.TensorSpec(model.inputs[0].shape, "float32", name=name)], opset=17)
    onnx.save(proto, out / "fp32.onnx")
    quant_pre_process(str(out / "fp32.onnx"), str(out / "prepared.onnx"), skip_symbolic_shape=True)
    quantize_static(
        str(out / "prepared.onnx"),
        str(out / "int8.onnx"),
        Reader(name, samples),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


if __name__ == "__main__":
    main()
