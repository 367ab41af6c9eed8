"""Fix the batch of a recurrent TensorFlow function that was traced with a free one, and so keeps lists of elements of unknown shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

_FIXED: Final = "_batch_1"
_SHAPE_INPUT: Final = {"TensorListReserve": 0, "TensorListFromTensor": 1, "TensorListStack": 1, "TensorListGetItem": 2}


def with_known_lists(function: Any, inputs: Mapping[str, Any]) -> Any:
    """Return a concrete function of `inputs` (TensorSpec by name, batch 1) that does what `function` does, its weights constants.

    The shapes of list elements are constants in the graph, written when it was traced: (free, features). Here they become (1, features).
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    definition = frozen.graph.as_graph_def()
    functions = {item.signature.name for item in definition.library.function}
    for nodes in (definition.node, *(item.node_def for item in definition.library.function)):
        for constant in _element_shapes({node.name: node for node in nodes}):
            _fix_batch(constant)
        for value in (value for node in nodes for value in node.attr.values() if value.func.name in functions):
            value.func.name += _FIXED
    for item in definition.library.function:
        item.signature.name += _FIXED  # TensorFlow knows the function of the old name already
    names, outputs = sorted(inputs), sorted(function.structured_outputs)  # the order in which TensorFlow lists named tensors
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(definition, name=""), [])
    feeds, fetches = ([wrapped.graph.get_tensor_by_name(end.name) for end in ends] for ends in (frozen.inputs, frozen.outputs))
    pruned = wrapped.prune(feeds, fetches)

    def serve(**tensors: Any) -> Any:
        return dict(zip(outputs, pruned(*(tensors[name] for name in names)), strict=True))

    return tf.function(serve).get_concrete_function(**inputs)


def _element_shapes(nodes: Mapping[str, Any]) -> Iterator[Any]:
    for node in nodes.values():
        if node.op in _SHAPE_INPUT:
            feeding = nodes.get(node.input[_SHAPE_INPUT[node.op]].partition(":")[0])
            if feeding is not None and feeding.op == "Const":
                yield feeding


def _fix_batch(constant: Any) -> None:
    import tensorflow as tf

    shape = tf.make_ndarray(constant.attr["value"].tensor)
    if shape.ndim == 1 and shape[:1] == -1 and (shape[1:] > 0).all():
        shape = shape.copy()
        shape[0] = 1
        constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(shape))
