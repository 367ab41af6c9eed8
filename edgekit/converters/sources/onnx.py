"""Take a float .onnx as a source: of lower precisions in ONNX, and of TFLite by way of onnx2tf. Runs in a child process."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edgekit.converters import onnx2tf
from edgekit.converters.family import family_of
from edgekit.converters.hub import Export
from edgekit.converters.port import Port, known_dtype
from edgekit.converters.runtimes.ort import OrtModel
from edgekit.converters.settings import Settings
from edgekit.converters.sources.arrays import hash_of_arrays
from edgekit.converters.sources.float_only import already_quantized, fixed_batch
from edgekit.converters.sources.onnx_file import read_onnx
from edgekit.converters.sources.onnx_graph import canonical
from edgekit.converters.sources.onnx_limits import require_runnable

_QUANTIZED: Final = ("Quantize", "QLinear", "Integer", "NBits", "QGemm", "QAttention", "QEmbed", "QOrdered")
_FLOAT: Final = (1, 11)  # float32, float64


class OnnxSource:
    """Hold a float ONNX model loaded in ONNX Runtime; its weights are in memory, wherever they were kept."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self._path = path
        self._settings = settings
        self._proto, self._several_files = read_onnx(path)
        _require_float(self._proto, path)
        require_runnable(self._proto, path)
        with tempfile.TemporaryDirectory(prefix="onnx-") as folder:
            self._model = OrtModel(self._whole(Path(folder) / "whole.onnx") if self._several_files else path)
        self.ports = tuple(_port(spec, path) for spec in self._model.inputs)

    def facts(self) -> dict[str, Any]:
        """Return family, weights_sha256, parameters, the outputs, and the runtime."""
        from edgekit.core.jsonio import as_data

        graph, weights = canonical(self._proto)
        runtime, _, found = self._model.runtime.partition(" ")
        return {
            "family": family_of(graph),
            "weights_sha256": hash_of_arrays(weights),
            "parameters": sum(math.prod(array.shape) for array in weights),
            "outputs": as_data(self._model.outputs),
            "tools": {runtime: found},
        }

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs for all samples."""
        return self._model.run(inputs)

    def export(self, format: str, path: Path, shapes: Mapping[str, Sequence[int]]) -> Export:  # noqa: A002
        """Write the source itself as one file, or float TFLite with a batch of one and the source's own layout."""
        if format == "onnx":
            self._whole(path) if self._several_files else shutil.copyfile(self._path, path)
            return Export()
        from edgekit.converters.preflight import prepare

        place = onnx2tf.require_environment()
        prepared = path.with_suffix(".prepared.onnx")
        prepare(self._proto, shapes, prepared)
        onnx2tf.to_tflite(prepared, path, shapes, place=place, time_s=self._settings.time_s)
        return Export(tools={name: found for name, found in place.versions.items() if name == onnx2tf.NAME})

    def _whole(self, path: Path) -> Path:
        path.write_bytes(self._proto.SerializeToString())
        return path


def _require_float(proto: Any, path: Path) -> None:
    """Raise ModelError when an operator works on quantized values, or weights are stored in fewer bits than float32."""
    from onnx import TensorProto

    used = {node.op_type for node in proto.graph.node} | {node.op_type for function in proto.functions for node in function.node}
    if found := sorted(name for name in used if any(word in name for word in _QUANTIZED)):
        raise already_quantized(path, f"the operators {', '.join(found)}")
    small = [
        tensor
        for tensor in proto.graph.initializer
        if len(tensor.dims) >= 2 and TensorProto.DataType.Name(tensor.data_type).startswith(("FLOAT16", "BFLOAT16", "FLOAT8"))
    ]
    if small:
        raise already_quantized(path, f"{TensorProto.DataType.Name(small[0].data_type).lower()} weights")


def _port(spec: Any, path: Path) -> Port:
    shape = tuple(None if size < 0 else size for size in spec.shape)
    if shape[:1] not in ((1,), (None,)):
        raise fixed_batch(path, spec.name, shape)
    return Port(name=spec.name, shape=shape, dtype=known_dtype(spec.name, spec.dtype))
