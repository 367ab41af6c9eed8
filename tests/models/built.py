"""Build every reference model but the digits network, which other tests share, in one process: TensorFlow takes seconds to start.

The same process trains two of them on folders as users have them.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from edgekit.links.files import bundled
from tests.conftest import clean_environment

BUILD = """
import contextlib, dataclasses, importlib.util, io, json, sys
from pathlib import Path
shelf, out, published = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
sys.path.insert(0, str(shelf))
from workbench.build import build
from workbench.plan import Refused
import h5py, keras, numpy as np, tensorflow as tf
from edgekit.converters.family import family_of, keras_graph

def described(model):
    graph = keras_graph(keras.saving.serialize_keras_object(model))
    shapes = lambda ports: [[port.name, list(port.shape[1:]), port.dtype] for port in ports]
    return {
        "graph": graph, "family": family_of(graph), "parameters": model.count_params(),
        "weights": sorted(list(weight.shape) for weight in model.weights),
        "inputs": shapes(model.inputs), "outputs": [list(port.shape[1:]) for port in model.outputs],
        "last": model.layers[-1].name,
    }

def facts_of(plan, out, **options):
    with contextlib.redirect_stdout(io.StringIO()) as talk:
        build(plan, out, **options)
    return json.loads(talk.getvalue().splitlines()[-1])["facts"]

said, plans = {}, {}
for path in sorted(shelf.glob("*/build.py")):
    if path.parent == shelf / "workbench":
        continue
    spec = importlib.util.spec_from_file_location(path.parent.name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plan = plans[path.parent.name] = module.plan()
    facts = {} if plan.name == "digits_cnn" else facts_of(plan, out)
    model = keras.models.load_model(out / f"{plan.name}.keras") if facts else plan.graph()
    own = {"name": plan.name, "facts": facts, "pixels": plan.pixels, "reconstructing": plan.reconstructing}
    said[path.parent.name] = {**described(model), **own}

random = np.random.default_rng(0)
sounds = random.normal(-30, 5, (600, 640))
machine = out / "machine"
machine.mkdir()
np.savez(machine / "train.npz", x=sounds)
worse = random.normal(-30, 5, (100, 640)) + np.repeat([[0.0], [9.0]], 50, 0) * random.normal(0, 1, (100, 640))
np.savez(machine / "test.npz", x=worse, y=np.repeat([False, True], 50))
own = {"machine": facts_of(dataclasses.replace(plans["ad_autoencoder"], batch=64), machine / "out", data=machine, epochs=3)}
words = out / "words"
words.mkdir()
y = random.integers(0, 3, 100)
np.savez(words / "train.npz", features=random.normal(0.5, 0.05, (100, 30, 1, 40)) + y[:, None, None, None] * 0.2, y=np.eye(3)[y])
own["words"] = facts_of(plans["wakeword_dscnn1d"], words / "out", data=words, epochs=8)
own["refused"] = {}
album = out / "album"
for name in ("a", "b"):
    (album / name).mkdir(parents=True)
    for index in range(3):
        (album / name / f"{index}.png").write_bytes(tf.io.encode_png(np.zeros((4, 4, 3), "uint8")).numpy())
(album / "b" / "torn.jpg").write_bytes(b"\\xff\\xd8\\xff nothing more")
np.savez(machine / "train.npz", x=np.zeros((4, 640)))
np.savez(words / "train.npz", x=np.zeros((9, 64)))
for name, model, folder in (("few", "ad_autoencoder", machine), ("shape", "wakeword_dscnn1d", words), ("torn", "ic_resnet8", album)):
    try:
        facts_of(plans[model], folder / "out", data=folder)
    except Refused as refused:
        own["refused"][name] = str(refused)

for path in map(Path, published):
    copy = out / path.name
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "DepthwiseConv2D":
                layer["config"].pop("groups", None)  # Keras 2.4 wrote it, Keras 3 refuses it
        file.attrs["model_config"] = json.dumps(config)
    said[path.name] = described(keras.models.load_model(copy, compile=False))
(out / "said.json").write_text(json.dumps({**said, "own": own}))
"""


@dataclass(frozen=True)
class Built:
    """Name the folder of the built models, and hold what was said of each, and of each published file where those are at hand."""

    folder: Path
    said: dict[str, Any]


needs_tensorflow = pytest.mark.skipif(find_spec("tensorflow") is None, reason="the convert extra is not installed")
together = pytest.mark.xdist_group("reference models")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    if find_spec("tensorflow") is None:
        pytest.skip("the convert extra is not installed")
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "reference models"
    root.mkdir(exist_ok=True)
    published = Path(os.environ.get("EDGEKIT_SHARED_DATA", "/nowhere")) / "mlperf_tiny" / "models"
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first worker builds, the others wait for it
        if not (root / "said.json").exists():
            command = [sys.executable, "-c", BUILD, bundled("models"), root, *sorted(published.glob("*.h5"))]
            done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=600, check=False)
            assert done.returncode == 0, done.stderr
    return Built(root, json.loads((root / "said.json").read_text()))
