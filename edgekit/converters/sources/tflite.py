"""Take a float .tflite as a source of lower precisions. Runs in a child process; TensorFlow is not needed."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.converters.family import family_of
from edgekit.converters.hub import Export
from edgekit.converters.port import Port, known_dtype
from edgekit.converters.runtimes.litert import LiteRtModel
from edgekit.converters.sources.arrays import hash_of_arrays
from edgekit.converters.sources.float_only import already_quantized, fixed_batch
from edgekit.converters.sources.tflite_file import TfliteFile
from edgekit.core.quantity import Note


class TfliteSource:
    """Hold a float .tflite as one graph with one signature and a batch of one, whatever the file has."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = TfliteFile(path)
        if found := self._file.quantized():
            raise already_quantized(path, found)
        self.ports = tuple(Port(name=name, shape=shape, dtype=known_dtype(name, dtype)) for name, shape, dtype in self._file.inputs())
        for port in self.ports:
            if port.shape[:1] not in ((1,), (None,)):
                raise fixed_batch(path, port.name, port.shape)
        self._outputs: tuple[Any, ...] = ()
        self._runtime = ""

    def facts(self) -> dict[str, Any]:
        """Return family, weights_sha256, parameters, the outputs, and the runtime. Comes after `run`, which opens the model."""
        from edgekit.core.jsonio import as_data

        graph, weights = self._file.canonical()
        runtime, _, found = self._runtime.partition(" ")
        return {
            "family": family_of(graph),
            "weights_sha256": hash_of_arrays(weights),
            "parameters": sum(math.prod(array.shape) for array in weights),
            "outputs": as_data(self._outputs),
            "tools": {runtime: found},
        }

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs for all samples."""
        with tempfile.TemporaryDirectory(prefix="tflite-") as folder:
            self.export("tflite", Path(folder) / "fixed.tflite", {name: array.shape[1:] for name, array in inputs.items()})
            model = LiteRtModel(Path(folder) / "fixed.tflite")
        self._outputs, self._runtime = model.outputs, model.runtime
        return model.run(inputs)

    def export(self, format: str, path: Path, shapes: Mapping[str, Sequence[int]]) -> Export:  # noqa: A002
        """Write the source itself, with names for what has none, and with the sizes of `shapes` where they are free."""
        notes = self._file.fix(shapes)
        if notes:
            path.write_bytes(self._file.content())
        else:
            shutil.copyfile(self._path, path)
        return Export(notes=tuple(Note(code="tflite.changed", text=text) for text in notes))
