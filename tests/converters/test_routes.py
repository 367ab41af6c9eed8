from __future__ import annotations

import pytest

from edgekit.converters.routes import DETOURS, FRAMEWORKS, ROUTES, Detour, advise, both, reason, without_moot
from edgekit.core.errors import ModelError

ABSENT = Detour(route="torch", through="Keras on PyTorch", packages=("json", "no_such_exporter"), extra="torch")


def failure(*do: tuple[str, str]) -> ModelError:
    return ModelError("ONNX has no counterpart for Erfc", code="model.operator", why="nothing does the same", do=do, data={"log": "words"})


def test_every_source_that_needs_a_framework_has_routes() -> None:
    assert set(FRAMEWORKS) | set(DETOURS) <= set(ROUTES)
    assert {"keras", "h5", "saved_model"} <= set(FRAMEWORKS)


def test_a_detour_names_the_first_package_that_is_missing() -> None:
    assert ABSENT.missing() == "no_such_exporter"
    assert Detour(route="r", through="t", packages=("json", "zipfile"), extra="e").missing() is None


def test_without_its_packages_a_detour_is_advised_with_the_line_that_installs_them() -> None:
    error = advise(failure(("replace it:", "x")), ABSENT, "no_such_exporter")
    assert error.do == (
        ("replace it:", "x"),
        ("or let Keras on PyTorch try, which needs no-such-exporter:", 'pip install "edgekit[torch]" -c constraints.txt'),
    )
    assert (error.code, error.data) == ("model.operator", {"log": "words"})


def test_when_both_ways_fail_both_are_told() -> None:
    error = both(failure(), ModelError("it failed", code="convert.failed", why="no such kernel"), ABSENT)
    assert error.why == "nothing does the same; Keras on PyTorch failed as well: no such kernel"


def test_the_reason_of_a_detour_fits_into_a_remark() -> None:
    assert reason(failure()) == "ONNX has no counterpart for Erfc"
    assert reason(ModelError("converting m.keras failed", code="convert.failed", why="KeyError: 'x'")) == "KeyError: 'x'"


@pytest.mark.parametrize(("formats", "left"), [(("onnx",), 2), (("tflite", "onnx"), 1)])
def test_a_format_that_was_tried_in_the_same_command_is_not_advised(formats: tuple[str, ...], left: int) -> None:
    failures = {"onnx": failure(("replace it:", "x"), ("or try:", "edgekit convert ... --to tflite"))}
    assert len(without_moot(failures, formats)["onnx"].do) == left
