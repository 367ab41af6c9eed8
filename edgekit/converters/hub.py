"""Make what all recipes share: the facts and outputs of the source, and its float hubs. Runs in a child process.

A job names its `stages`: "reference" (facts.json and reference.npz), then "tflite" and "onnx" (hub.tflite, hub.onnx).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from edgekit.converters.settings import Settings
from edgekit.converters.source import Port
from edgekit.core.jsonio import validate

Stage = Callable[[str], None]


class LoadedSource(Protocol):
    """Run a source in its own framework and export it."""

    ports: tuple[Port, ...]

    def facts(self) -> dict[str, Any]:
        """Return family, weights_sha256, parameters and tools."""

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the outputs for all samples."""

    def export(self, format: str, path: Path, shapes: Mapping[str, Sequence[int]]) -> None:  # noqa: A002
        """Write the float hub; `shapes` gives each input's shape without its batch."""


def run(job: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Do the stages of `job`; the results are files in its work folder."""
    import numpy as np

    stage("loading")
    source = load(job["format"], Path(job["source"]), validate(Settings, job["settings"], where="the job"))
    work = Path(job["work"])
    for name in job["stages"]:
        stage(name)
        if name == "reference":
            with np.load(work / "proof.npz") as proof:
                outputs = source.run({key: proof[key] for key in proof.files})
            np.savez(work / "reference.npz", allow_pickle=False, **{str(index): output for index, output in enumerate(outputs)})
            (work / "facts.json").write_text(json.dumps(source.facts()))
        else:
            source.export(name, work / f"hub.{name}", job["shapes"])
    return {}


def inspect(job: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Return the input ports of the source of `job`."""
    from edgekit.core.jsonio import as_data

    stage("loading")
    return {"ports": as_data(load(job["format"], Path(job["source"]), validate(Settings, job["settings"], where="the job")).ports)}


def load(format: str, path: Path, settings: Settings) -> LoadedSource:  # noqa: A002
    """Return the loaded source; raise ModelError when it cannot be used."""
    if format in ("keras", "h5"):
        from edgekit.converters.sources.keras import KerasSource

        return KerasSource(path)
    from edgekit.converters.sources.flat import FloatSource

    return FloatSource(format, path)
