"""Check the folder a user wants a model trained on before any framework is loaded."""

from __future__ import annotations

import shlex
from pathlib import Path

from edgekit.converters.data import Samples, read_samples
from edgekit.converters.source import Port
from edgekit.core.errors import UsageError, missing_file
from edgekit.flows.models.shelf import ReferenceModel
from edgekit.links.files import reading

IMAGES = (".png", ".jpg", ".jpeg")
LEAST = 5  # one of them is kept for the test where there is no test.npz


def require_data(folder: Path, model: ReferenceModel) -> None:
    """Raise UsageError unless `folder` holds train.npz (and perhaps test.npz) that fits `model`, or one folder of images per class."""
    with reading(folder, "data folder"):
        if not folder.exists():
            raise missing_file(folder, "data folder")
        names = {path.name for path in folder.iterdir()}
    if "train.npz" in names:
        train = _samples(folder / "train.npz", model)
        if "test.npz" in names:
            _samples(folder / "test.npz", model)
        if train.count < LEAST:
            raise refused(folder, f"{train.count} samples are too few: at least {LEAST} are needed, and hundreds are useful")
    elif model.images:
        _require_images(folder, model)
    else:
        raise refused(folder, "it holds no train.npz")


def _samples(path: Path, model: ReferenceModel) -> Samples:
    """Return what one file holds, checked against the inputs and the number of classes."""
    ports = [Port(name=port.name, shape=(None, *port.shape), dtype=port.dtype) for port in model.inputs]
    labelled = model.kind == "classifier"
    samples = read_samples(path, ports, option="--data", labelled=labelled)
    outputs = model.outputs[0].shape[-1]
    if labelled and not all(float(label).is_integer() and 0 <= label < outputs for label in samples.labels.flat):  # type: ignore[union-attr]
        raise refused(path, f"its labels y must be class numbers from 0 to {outputs - 1}")
    return samples


def _require_images(folder: Path, model: ReferenceModel) -> None:
    with reading(folder, "data folder"):
        classes = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
        images = {path.name: sum(file.suffix.lower() in IMAGES for file in path.iterdir()) for path in classes}
    outputs = model.outputs[0].shape[-1]
    if len(classes) < 2:
        raise refused(folder, "it holds neither train.npz nor one folder of images for each of at least two classes")
    if len(classes) > outputs:
        raise refused(folder, f"it holds {len(classes)} folders, and {model.name} tells {outputs} classes apart")
    if empty := [name for name, count in images.items() if not count]:
        raise refused(folder, f"there is no PNG or JPEG image in {', '.join(map(repr, empty))}")
    if (count := sum(images.values())) < LEAST:
        raise refused(folder, f"{count} images are too few: at least {LEAST} are needed, and hundreds are useful")


def refused(path: Path, why: str) -> UsageError:
    """Return the error for data that a model cannot be trained on."""
    return UsageError(
        f"--data {path} cannot be trained on",
        code="models.data",
        why=why,
        do=[
            ("write x and y with numpy:", "numpy.savez('train.npz', x=x, y=y)"),
            ("look at what is there:", f"ls -l {shlex.quote(str(path))}"),
        ],
    )
