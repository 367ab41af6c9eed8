"""Convert every model of torch_models by the converter's own tasks, in one process, because PyTorch takes seconds to start.

    python -m tests.converters.torch_zoo FOLDER MODEL...

FOLDER/MODEL/ is the work folder of a conversion; FOLDER/MODEL.json holds, by recipe, its verification or why there is none.
The model "programs" stands for .pt2 files and what their sources say: FOLDER/programs.json.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RECIPES = ("fp32.tflite", "fp32.onnx", "int8.tflite", "int8.onnx")


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
    failed = hub.run({**job, "stages": ["reference", "tflite", "onnx"], "shapes": shapes}, lambda _: None)["failures"]
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


def programs(folder: Path) -> dict[str, Any]:
    """Write .pt2 files and return what is known of each: facts, inputs, whether the batch is free; or the code of its refusal."""
    import torch

    from edgekit.converters.hub import load
    from edgekit.converters.settings import Settings
    from edgekit.core.errors import EdgekitError
    from tests.converters import torch_models

    torch.manual_seed(0)
    model, example = torch_models.cnn()
    model, batch = model.eval(), {"image": {0: torch.export.Dim("batch")}}
    two = torch.cat([example, example])
    made = {
        "fixed": torch.export.export(model, (example,)),
        "free": torch.export.export(model, (two,), dynamic_shapes=batch),
        "four": torch.export.export(model, (torch.cat([two, two]),)),
        "half": torch.export.export(torch.nn.Linear(4, 2).half().eval(), (torch.zeros(1, 4, dtype=torch.half),)),
        "training": torch.export.export(torch_models.mlp()[0].train(), (torch.zeros(1, 8),)),
    }
    known: dict[str, Any] = {}
    for name, program in made.items():
        torch.export.save(program, folder / f"{name}.pt2")
        try:
            source: Any = load("pt2", folder / f"{name}.pt2", Settings())
            known[name] = {**source.facts(), "shape": source.ports[0].shape, "output": source.run({"image": two.numpy()})[0].tolist()}
        except EdgekitError as error:
            known[name] = {"code": error.code}
    for name in ("branch", "broken", "erfinv", "mixing", "single"):
        known[name] = function(name, folder)
    return known


def function(name: str, folder: Path) -> dict[str, Any]:
    """Return what a function of torch_models says to two samples, or how it is refused, when it is loaded or exported."""
    import numpy as np

    from edgekit.converters.hub import load
    from edgekit.converters.settings import Settings
    from edgekit.core.errors import EdgekitError

    try:
        source = load("torch", Path(f"tests.converters.torch_models:{name}"), Settings())
        told = {"output": source.run({"x": np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)})[0].tolist(), "refused": []}
    except EdgekitError as error:
        return {"code": error.code, "why": error.why}
    for kind in ("tflite", "onnx"):
        try:
            source.export(kind, folder / f"{name}.{kind}", {"x": [4]})
        except EdgekitError as error:
            told["refused"].append([error.code, error.why])
    return told


def main(folder: Path, names: Sequence[str]) -> None:
    """Convert the models `names`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        try:
            rows = programs(folder) if name == "programs" else convert(name, folder, RECIPES)
        except Exception:
            rows = {"crashed": traceback.format_exc()}
        (folder / f"{name}.json").write_text(json.dumps(rows))


if __name__ == "__main__":
    os.environ.update(CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
    main(Path(sys.argv[1]), sys.argv[2:])
