"""Give builds their data: real digits, synthetic inputs, or what is in a folder of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.plan import SEED, Plan, Refused, Split, say

IMAGES = (".png", ".jpg", ".jpeg")
HELD_OUT = 5  # every fifth sample is kept for the test where the user states no test data


def digits() -> Split:
    """Return scikit-learn's handwritten digits, (n, 8, 8, 1) float32 in [0, 1]: 1200 to train on, 597 to test on."""
    import numpy as np
    from sklearn.datasets import load_digits

    stored = load_digits()
    images = (stored.images / 16.0).astype(np.float32)[..., None]
    labels = stored.target.astype(np.int64)
    order = np.random.default_rng(SEED).permutation(len(images))
    train, test = order[:1200], order[1200:]
    return Split(x=images[train], y=labels[train], test_x=images[test], test_y=labels[test])


def smooth(count: int, height: int, width: int, channels: int = 1) -> Any:
    """Return (count, height, width, channels) float32 in [-1, 1]: coarse random values, smoothed, with fine grain."""
    import numpy as np

    random = np.random.default_rng(SEED)
    coarse = random.uniform(-1, 1, (count, 8, 8, channels))
    for axis, size in ((1, height), (2, width)):
        place = np.linspace(0, 7, size)
        low = np.minimum(place.astype(int), 6)
        part = (place - low).reshape([-1 if index == axis else 1 for index in range(4)])
        coarse = coarse.take(low, axis) * (1 - part) + coarse.take(low + 1, axis) * part
    return np.clip(coarse + random.normal(0, 0.1, coarse.shape), -1, 1).astype(np.float32)


def read_folder(folder: Path, plan: Plan, model: Any) -> Split:
    """Return the data of a user's folder: train.npz and perhaps test.npz, or one folder of images per class; raise Refused."""
    shape, outputs = model.inputs[0].shape[1:], model.outputs[0].shape[-1]
    if (folder / "train.npz").is_file():
        x, y = _arrays(folder / "train.npz", model.inputs[0])
        test = _arrays(folder / "test.npz", model.inputs[0]) if (folder / "test.npz").is_file() else None
        classes: tuple[str, ...] = ()
    elif plan.pixels:
        x, y, classes = _images(folder, shape, plan.pixels)
        test = None
    else:
        raise Refused("it holds no train.npz")
    for labels in () if plan.reconstructing else (y, test[1] if test else y):
        if labels is None or labels.min() < 0 or labels.max() >= outputs:
            raise Refused(f"its labels y must be class numbers from 0 to {outputs - 1}")
    return _split(x, y, test, classes)


def _arrays(path: Path, port: Any) -> tuple[Any, Any]:
    """Return the inputs, called x or as the model calls its input, and the labels y, None where there are none."""
    import numpy as np

    with np.load(path, allow_pickle=False) as stored:
        name = next((name for name in (port.name, "x") if name in stored), None)
        if name is None:
            raise Refused(f"{path.name} holds no array called x")
        x = np.asarray(stored[name], np.float32)
        y = np.asarray(stored["y"]) if "y" in stored else None
    if x.shape[1:] != tuple(port.shape[1:]):
        raise Refused(f"x in {path.name} has the shape {x.shape}; each sample must be {tuple(port.shape[1:])}")
    if y is not None and y.ndim == 2:  # a column, or one row of zeros and a one for each sample
        y = y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0]
    return x, None if y is None else y.astype(np.int64)


def _images(folder: Path, shape: Sequence[int], pixels: tuple[float, float]) -> tuple[Any, Any, tuple[str, ...]]:
    import numpy as np

    classes = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    found = [
        (path, label) for label, name in enumerate(classes) for path in sorted((folder / name).iterdir()) if path.suffix.lower() in IMAGES
    ]
    if len(classes) < 2 or len(found) < HELD_OUT:
        raise Refused("it holds no train.npz, and not two folders with PNG or JPEG images")
    say(step="reading images", total=len(found))
    x = np.empty((len(found), *shape), np.float32)
    for index, (path, _) in enumerate(found):
        x[index] = _image(path, shape) * pixels[0] + pixels[1]
        if index % 100 == 0:
            say(advance=index)
    return x, np.array([label for _, label in found], np.int64), tuple(classes)


def _image(path: Path, shape: Sequence[int]) -> Any:
    import tensorflow as tf

    try:
        image = tf.io.decode_image(path.read_bytes(), channels=shape[2], expand_animations=False)
    except (tf.errors.OpError, OSError) as error:
        raise Refused(f"{path.name} cannot be read as an image: {str(error).splitlines()[0]}") from error
    return tf.image.resize(image, shape[:2], antialias=True).numpy()


def _split(x: Any, y: Any, test: tuple[Any, Any] | None, classes: tuple[str, ...]) -> Split:
    """Return the training data in a fixed random order, so that its first samples are of all classes, and what is kept for the test."""
    import numpy as np

    if len(x) < HELD_OUT:
        raise Refused(f"{len(x)} samples are too few: at least {HELD_OUT} are needed, and hundreds are useful")
    order = np.random.default_rng(SEED).permutation(len(x))
    kept, order = (order[:0], order) if test else (order[: len(x) // HELD_OUT], order[len(x) // HELD_OUT :])
    test_x, test_y = test or (x[kept], None if y is None else y[kept])
    return Split(x=x[order], y=None if y is None else y[order], test_x=test_x, test_y=test_y, classes=classes)
