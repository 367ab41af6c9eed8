"""Convert every model of torch_models by the converter's own tasks, in one process, because PyTorch takes seconds to start.

    python -m tests.converters.torch_zoo FOLDER MODEL... [--recipes RECIPE...]

FOLDER/MODEL/ is the work folder of a conversion; FOLDER/MODEL.json holds, by recipe, its verification or why there is none.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RECIPES = ("fp32.tflite", "fp32.onnx", "int8.tflite", "int8.onnx", "dynamic.tflite")


def convert(name: str, folder: Path, recipes: Sequence[str]) -> dict[str, Any]:
    """Return what became of each recipe of the model `name`."""
    import numpy as np

    from edgekit.converters import hub, produce
    from edgekit.converters.settings import Settings
    from edgekit.core.errors import EdgekitError
    from edgekit.core.jsonio import as_data

    work = folder / name
    work.mkdir(parents=True)
    source = f"tests.converters.torch_models:{name}"
    job = {"format": "torch", "source": source, "work": str(work), "settings": as_data(Settings()), "demands": {}}
    ports = hub.inspect(dict(job), lambda _: None)["ports"]
    generator = np.random.default_rng(0)
    for file, count in (("calib", 48), ("proof", 16)):
        inputs = {port["name"]: _draw(generator, count, port) for port in ports}
        np.savez(work / f"{file}.npz", **inputs)
    (work / "evidence.json").write_text(json.dumps({"data": "held-out", "inputs": ports}))
    shapes = {port["name"]: port["shape"][1:] for port in ports}
    failed = {}
    for stage in ("reference", "tflite", "onnx"):
        answer = hub.run({**job, "stages": [stage], "shapes": shapes}, lambda _: None) or {}
        failed.update(answer.get("failures", {}))
    rows: dict[str, Any] = {"facts": json.loads((work / "facts.json").read_text())}
    for key in recipes:
        try:
            if key.rpartition(".")[2] in failed:
                rows[key] = {"failure": failed[key.rpartition(".")[2]]}
                continue
            rows[key] = produce.run({**job, "recipe": key, "out": str(work / key)}, lambda _: None)
            rows[key]["bytes"] = (work / key).stat().st_size
        except EdgekitError as error:
            rows[key] = {"failure": {"code": error.code, "what": error.what, "why": error.why}}
    return rows


def _draw(generator: Any, count: int, port: Any) -> Any:
    shape = (count, *port["shape"][1:])
    if port["dtype"] == "float32":
        return generator.standard_normal(shape).astype("float32")
    return generator.integers(0, 32, shape, port["dtype"])


def main(folder: Path, names: Sequence[str], recipes: Sequence[str]) -> None:
    """Convert the models `names`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        try:
            rows = convert(name, folder, recipes)
        except Exception:
            rows = {"crashed": traceback.format_exc()}
        (folder / f"{name}.json").write_text(json.dumps(rows))


if __name__ == "__main__":
    os.environ.update(CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
    given, _, chosen = " ".join(sys.argv[1:]).partition(" --recipes ")
    place, *models = given.split()
    main(Path(place), models, chosen.split() or RECIPES)
