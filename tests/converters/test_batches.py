from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.converters.port import Port
from edgekit.converters.sources.batches import require_batch, run_batches
from edgekit.converters.sources.fixing import fixed_shapes
from edgekit.core.errors import ModelError


def port(*shape: int | None) -> Port:
    return Port(name="x", shape=shape, dtype="float32")


@pytest.mark.parametrize(("batch", "sizes"), [(None, [32, 32, 6]), (1, [1] * 70)])
def test_samples_go_in_together_where_the_batch_is_free(batch: int | None, sizes: list[int]) -> None:
    seen = []

    def double(inputs: Mapping[str, Any]) -> list[Any]:
        seen.append(len(inputs["x"]))
        return [inputs["x"] * 2, inputs["x"].sum(1)]

    samples = np.arange(140.0).reshape(70, 2)
    doubled, summed = run_batches(double, [port(batch, 2)], ["doubled", "summed"], {"x": samples})
    assert seen == sizes
    assert (doubled == samples * 2).all()
    assert (summed == samples.sum(1)).all()


def test_large_samples_go_in_a_few_at_a_time() -> None:
    seen = []

    def count(inputs: Mapping[str, Any]) -> list[Any]:
        seen.append(len(inputs["x"]))
        return [inputs["x"][:, 0]]

    run_batches(count, [port(None, 250_000)], ["first"], {"x": np.zeros((11, 250_000), "float32")})
    assert seen == [5, 5, 1]
    seen.clear()
    run_batches(count, [port(None, 3_000_000)], ["first"], {"x": np.zeros((2, 3_000_000), "float32")})
    assert seen == [1, 1]


@pytest.mark.parametrize("result", [lambda x: x.sum(), lambda x: np.concatenate([x, x]), lambda x: x[:1]])
def test_an_output_without_an_axis_of_samples_is_named(result: Any) -> None:
    with pytest.raises(ModelError, match="output total") as caught:
        run_batches(lambda inputs: [result(inputs["x"])], [port(None, 2)], ["total"], {"x": np.ones((5, 2))})
    assert caught.value.code == "model.output"


@pytest.mark.parametrize("shape", [(8, 4), (), (2,)])
def test_a_first_axis_that_does_not_count_samples_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError) as caught:
        require_batch([port(*shape)], Path("m.keras"))
    assert caught.value.code == "model.batch"
    require_batch([port(None, 4), port(1, 4)], Path("m.keras"))


def test_only_free_dimensions_beside_the_batch_are_remarked() -> None:
    assert fixed_shapes([port(None, 4), port(1, 4)]) == ()
    (note,) = fixed_shapes([port(None, None, 4)])
    assert note.code == "shape.fixed"
