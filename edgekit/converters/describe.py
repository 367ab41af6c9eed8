"""Say what a model file holds, whoever wrote it. Runs in a child process: a hostile file may crash it, but nobody else."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgekit.converters.canonical import graph_sha256
from edgekit.converters.contents.layout import with_layouts
from edgekit.converters.contents.outside import read_outside
from edgekit.converters.contents.reading import read_contents
from edgekit.converters.sources.onnx_file import read_onnx
from edgekit.converters.targets.check import fit
from edgekit.converters.targets.profile import load_profile
from edgekit.core.errors import ModelError
from edgekit.core.jsonio import as_data

Stage = Callable[[str], None]


def run(job: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Return contents, inputs, outputs and metadata of the model of `job`, and the checks against its target if there is one."""
    path, format = Path(job["source"]), job["format"]  # noqa: A001
    stage("reading it")
    if format == "onnx":
        read_onnx(path)  # it says by name what is wrong with weights in a second file
    try:
        contents = read_contents(path, format)
        outside = read_outside(path, format)
        inputs = with_layouts(outside.inputs, path, format)
        graph = graph_sha256(path, format)
    except (struct.error, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} is not a whole .{format} model",
            code="model.damaged",
            why="its parts do not fit together",
            do=[("copy it again and compare the sizes:", "ls -l")],
            data={"log": str(error)[:2000]},
        ) from error
    stage("checking it against the target")
    found = fit(load_profile(job["target"]), path, contents, format=format) if job["target"] else None
    return {
        "contents": as_data(contents),
        "scheme": contents.scheme,
        "outside": as_data(replace(outside, inputs=inputs)),
        "graph_sha256": graph,
        "fit": as_data(found),
    }
