"""Bring Keras models of every kind into one form: a functional one that takes a list of inputs and gives its outputs by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit.core.errors import ModelError


def uniform(model: Any, path: Path) -> Any:
    """Return `model` as a functional one with its outputs in a dictionary; raise ModelError when its inputs are not known.

    The exporters trip over what this takes away: sequential and subclassed models, and several inputs given one by one or by name.
    Outputs keep the names under which the model gives them; others are named after their layers.
    """
    import keras

    if getattr(model, "inputs", None):
        inputs, given = list(model.inputs), list(model.outputs) if isinstance(model, keras.Sequential) else model.output
    else:
        asked = _asked(model, path)
        inputs, given = keras.tree.flatten(asked), model(asked)
    outputs = keras.tree.flatten(given)
    names = list(given) if _is_named(given) else keras.Model(inputs, outputs).output_names
    taken = [*names, *(port.name for port in inputs)]
    unique = [name if taken.count(name) == 1 else f"{name}_{index:02}" for index, name in enumerate(names)]
    tensors = [given[name] for name in names] if _is_named(given) else outputs
    return keras.Model(inputs, dict(sorted(zip(unique, tensors, strict=True))))  # the order in which runtimes list them


def threshold(model: Any) -> float | None:
    """Return what divides two classes in a single output, by the activation of its last layer: 0.5, 0 for logits, None when unknown."""
    import keras

    last = model
    while getattr(last, "layers", None):
        if not getattr(last, "outputs", None):
            return None
        last = last.layers[-1] if isinstance(last, keras.Sequential) else _maker(last.outputs[0])
    if not isinstance(last, (keras.layers.Dense, keras.layers.Activation)):
        return None
    return {"sigmoid": 0.5, "linear": 0.0}.get(getattr(last.activation, "__name__", ""))


def _is_named(outputs: Any) -> bool:
    import keras

    return isinstance(outputs, dict) and all(isinstance(output, keras.KerasTensor) for output in outputs.values())


def _asked(model: Any, path: Path) -> Any:
    """Return symbolic inputs for a model of the user's own class, of the shapes with which it was built."""
    import keras

    shape = (model.get_build_config() or {}).get("input_shape") if model.built else None
    if not shape:
        raise ModelError(
            f"{path} was never built",
            code="model.unbuilt",
            why="the shapes of its inputs are not known",
            do=[
                ("call it once on an input, then save:", "model.save('model.keras')"),
                ("or export it with the shape of its inputs:", "model.export('folder')"),
            ],
        )

    def free(sizes: Any, name: str) -> Any:  # it was called with some batch, and takes any
        return keras.Input(batch_shape=(None, *sizes[1:]), name=name, dtype=model.input_dtype)

    if isinstance(shape, dict):
        return {name: free(sizes, name) for name, sizes in shape.items()}
    if all(size is None or isinstance(size, int) for size in shape):
        return free(shape, "x")
    return [free(sizes, f"x{index}") for index, sizes in enumerate(shape)]


def _maker(tensor: Any) -> Any:
    """Return the layer that a symbolic tensor comes out of."""
    return tensor._keras_history.operation  # Keras has no public way from a tensor to its layer
