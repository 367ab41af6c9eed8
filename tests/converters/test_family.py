from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.converters.family import family_of, keras_graph
from tests.converters.graphs import functional, image, layer, sequential


def family(config: dict[str, Any]) -> str:
    return family_of(keras_graph(config))


def branched(*, filters: int = 16, names: tuple[str, ...] = ("image", "a", "b", "sum", "logits"), **settings: Any) -> dict[str, Any]:
    entry, first, second, joined, logits = names
    return functional(
        image(entry),
        layer("Conv2D", first, entry, filters=filters, kernel_size=[3, 3], use_bias=True, **settings),
        layer("Conv2D", second, entry, filters=filters, kernel_size=[1, 1], use_bias=True),
        layer("Subtract", joined, [first, second]),
        layer("Dense", logits, joined, units=10),
        output=logits,
    )


BASE = family(branched())


@given(st.lists(st.text(st.characters(exclude_characters=":"), min_size=1, max_size=8), min_size=5, max_size=5, unique=True))
def test_names_of_layers_do_not_matter(names: list[str]) -> None:
    assert family(branched(names=tuple(names))) == BASE  # type: ignore[arg-type]


def test_the_order_in_which_layers_are_listed_does_not_matter() -> None:
    shuffled = branched()
    shuffled["config"]["layers"].reverse()
    assert family(shuffled) == BASE


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": 3}}},
        {"kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.1}}},
        {"trainable": False},
        {"dtype": {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}},
        {"seed": 5},
        {"an_option_of_a_newer_keras": None},
        {"another_that_is_off": False},
    ],
)
def test_what_leaves_inference_as_it_is_does_not_matter(settings: dict[str, Any]) -> None:
    assert family(branched(**settings)) == BASE


@pytest.mark.parametrize("settings", [{"strides": [2, 2]}, {"activation": "relu"}, {"dilation_rate": [2, 2]}])
def test_what_changes_the_arithmetic_matters(settings: dict[str, Any]) -> None:
    assert family(branched(**settings)) != BASE


def test_the_number_of_filters_matters() -> None:
    assert family(branched(filters=17)) != BASE


def test_a_missing_bias_matters() -> None:
    bare = branched()
    bare["config"]["layers"][1]["config"]["use_bias"] = False
    assert family(bare) != BASE


def test_the_order_of_operands_matters() -> None:
    swapped = branched()
    swapped["config"]["layers"][3] = layer("Subtract", "sum", ["b", "a"])
    assert family(swapped) != BASE


def test_size_and_type_of_the_input_matter_and_its_batch_does_not() -> None:
    def with_input(**changes: Any) -> str:
        config = branched()
        config["config"]["layers"][0]["config"] |= changes
        return family(config)

    assert with_input(batch_shape=[None, 16, 16, 1]) != BASE
    assert with_input(dtype="int32") != BASE
    assert with_input(batch_shape=[1, 8, 8, 1]) == BASE


def test_dropout_does_not_matter() -> None:
    plain = functional(image(), layer("Flatten", "f", "image"), layer("Dense", "d", "f", units=3), output="d")
    dropped = functional(
        image(), layer("Flatten", "f", "image"), layer("Dropout", "x", "f", rate=0.5), layer("Dense", "d", "x", units=3), output="d"
    )
    assert family(plain) == family(dropped)


def test_a_sequential_model_is_its_functional_twin() -> None:
    layers = [image(), layer("Flatten", "f", "image"), layer("Dense", "d", "f", units=3)]
    assert family(sequential(*layers)) == family(functional(*layers, output="d"))


def test_one_shared_layer_is_not_two_equal_ones() -> None:
    entries = [image("p"), image("q")]
    shared = functional(*entries, layer("Dense", "d", "p", "q", units=3), layer("Subtract", "s", ["d", "d:1"]), output="s")
    twins = functional(
        *entries, layer("Dense", "d", "p", units=3), layer("Dense", "e", "q", units=3), layer("Subtract", "s", ["d", "e"]), output="s"
    )
    assert family(shared) != family(twins)


def test_a_layer_that_feeds_itself_through_another_ends_the_walk() -> None:
    looped = functional(image(), layer("Dense", "d", "image", "r", units=3), layer("ReLU", "r", "d"), output="d")
    looped["config"]["output_layers"] = ["d", 1, 0]
    once = copy.deepcopy(looped)
    once["config"]["output_layers"] = ["d", 0, 0]
    assert family(looped) != family(once)


def test_a_model_inside_a_model_counts_with_its_graph() -> None:
    def nested(units: int) -> dict[str, Any]:
        inner = functional(image("i"), layer("Dense", "d", "i", units=units), output="d")
        return functional(
            image(), {**layer("Functional", "inner", "image"), "config": {**inner["config"], "name": "inner"}}, output="inner"
        )

    assert family(nested(3)) == family(nested(3))
    assert family(nested(3)) != family(nested(4))


def test_a_model_without_a_static_graph_has_no_family() -> None:
    with pytest.raises(ValueError, match="no static graph"):
        family({"class_name": "MyModel", "config": {}})
