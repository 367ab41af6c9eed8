"""Train a model, judge it on held-out data, or settle the normalisation of one that nobody trained."""

from __future__ import annotations

from typing import Any

from workbench.plan import Plan, Split, say

PASSES = 6
ARRIVED = 500  # steps after which a moving average with Keras' momentum of 0.99 has left where it began


def train(plan: Plan, model: Any, split: Split, epochs: int) -> None:
    """Train `model` in place with Adam and a learning rate that falls along a cosine, one progress event per epoch."""
    import keras

    steps = -(-len(split.x) // plan.batch) * epochs
    logits = not plan.reconstructing and model.layers[-1].activation is keras.activations.linear
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(plan.rate, steps)),
        loss="mean_squared_error" if plan.reconstructing else keras.losses.SparseCategoricalCrossentropy(from_logits=logits),
        metrics=[] if plan.reconstructing else ["accuracy"],
    )
    words = "loss {loss:.4g}" if plan.reconstructing else "train accuracy {accuracy:.3f}"
    report = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: say(advance=epoch + 1, text=words.format(**logs)))
    say(step=f"training {plan.name}", total=epochs)
    target = split.x if plan.reconstructing else split.y
    model.fit(split.x, target, batch_size=plan.batch, epochs=epochs, verbose=0, callbacks=[report])
    if steps < ARRIVED:
        settle(plan.name, model, split.x[: 2 * plan.calibration])


def judge(plan: Plan, model: Any, split: Split) -> dict[str, float]:
    """Return what the held-out data says: test_accuracy of a classifier; test_mse and, with labels, test_auc of one that reconstructs."""
    said = model.predict(split.test_x, verbose=0)
    if not plan.reconstructing:
        return {"test_accuracy": float((said.argmax(axis=1) == split.test_y).mean())}
    errors = ((said - split.test_x) ** 2).reshape(len(said), -1).mean(axis=1)
    found = {"test_mse": float(errors.mean())}
    if split.test_y is not None and 0 < (anomalous := split.test_y != 0).sum() < len(errors):
        found["test_auc"] = area_under_curve(errors[~anomalous], errors[anomalous])
    return found


def area_under_curve(normal: Any, anomalous: Any) -> float:
    """Return the probability that an anomalous sample has the larger score, ties counted half (Mann and Whitney, 1947)."""
    import numpy as np

    ordered = np.sort(normal)
    below = np.searchsorted(ordered, anomalous, side="left") + np.searchsorted(ordered, anomalous, side="right")
    return float(below.mean() / 2 / len(normal))


def settle(name: str, model: Any, inputs: Any) -> None:
    """Set the moving statistics of each BatchNormalization layer from `inputs`: activations then stay in a trained network's range."""
    import keras

    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if not norms:
        return
    kept = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.3
    say(step=f"settling the normalisation of {name}", total=PASSES)
    for index in range(PASSES):
        model(inputs[index % 2 :: 2], training=True)
        say(advance=index + 1)
    for layer, momentum in zip(norms, kept, strict=True):
        layer.momentum = momentum
