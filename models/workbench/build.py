"""Build one model from its plan: train it, or give it seeded weights, and write it with its data."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from workbench.plan import SEED, Plan, Refused, Split, say


def run(plan: Plan, description: str | None) -> None:
    """Read the command line and build `plan`; end with status 1 when its data is refused."""
    arguments = read_arguments(plan, description)
    if arguments.wait:
        sys.stdin.readline()
    try:
        build(plan, arguments.out, data=arguments.data, epochs=arguments.epochs)
    except Refused as refused:
        say(refused=str(refused))
        sys.exit(f"{plan.name} cannot be trained on {arguments.data}: {refused}")


def read_arguments(plan: Plan, description: str | None) -> argparse.Namespace:
    """Return the options of a build."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help=f"folder for {plan.name}.keras and its data")
    images = " or one folder of PNG or JPEG images per class" if plan.pixels else ""
    parser.add_argument("--data", type=Path, help=f"train on this folder: train.npz (x, y) and perhaps test.npz{images}")
    parser.add_argument("--epochs", type=int, default=plan.epochs, help="passes over the training data (default: %(default)s)")
    parser.add_argument("--wait", action="store_true", help="begin when a line comes on stdin, so that a meter can be ready")
    return parser.parse_args()


def build(plan: Plan, out: Path, *, data: Path | None = None, epochs: int | None = None) -> None:
    """Write NAME.keras and NAME.calib.npz into `out`, with NAME.test.npz and NAME.classes.txt where there are such; say the facts.

    Raises Refused when `data` cannot be trained on.
    """
    say(step="loading TensorFlow", total=None)
    import keras

    from workbench.samples import read_folder
    from workbench.training import judge, settle, train

    keras.utils.set_random_seed(SEED)
    model = plan.graph()
    split = read_folder(data, plan, model) if data else plan.data() if plan.data else None
    facts: dict[str, Any] = {"parameters": model.count_params(), "trained": split is not None}
    if split:
        train(plan, model, split, epochs or plan.epochs)
        calibration = split.x[: plan.calibration]
        facts |= {"train_samples": len(split.x), "test_samples": len(split.test_x), "classes": split.classes, **judge(plan, model, split)}
    else:
        assert plan.synthetic, "a model without data of its own states synthetic inputs"
        calibration = plan.synthetic(plan.calibration)
        settle(plan.name, model, calibration)
    say(step="writing the model and its data", total=None)
    write(plan.name, out, model, calibration, split)
    say(facts=facts)


def write(name: str, out: Path, model: Any, calibration: Any, split: Split | None) -> None:
    """Write the files of a finished build."""
    import numpy as np

    out.mkdir(parents=True, exist_ok=True)
    model.save(out / f"{name}.keras")
    np.savez(out / f"{name}.calib.npz", x=calibration)
    if split:
        labels = {} if split.test_y is None else {"y": split.test_y}
        np.savez(out / f"{name}.test.npz", x=split.test_x, **labels)
    if split and split.classes:
        (out / f"{name}.classes.txt").write_text("".join(f"{label}\n" for label in split.classes), encoding="utf-8")
