"""A target's limits are measured or sourced, its file can be the user's own, and what does not fit is found before it is copied."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from edgekit.converters.base import RECIPES
from edgekit.converters.contents.found import Contents
from edgekit.converters.targets.check import Fit, fit
from edgekit.converters.targets.memory import activation_bytes
from edgekit.converters.targets.profile import load_profile, load_runtime, profile_names
from edgekit.core.artifact import Check, Operator
from edgekit.core.errors import UsageError
from tests.converters.targets.networks import write_chain

NAMED = [
    "pi5",
    "pi4",
    "pi-zero2w",
    "jetson-orin",
    "x86",
    "cortex-m4",
    "cortex-m7",
    "cortex-m33",
    "cortex-m55",
    "esp32s3",
    "rp2040",
    "ethos-u55",
]


def contents(*operators: Operator, **more: object) -> Contents:
    return Contents(weights={}, activations={}, operators=operators, **more)  # type: ignore[arg-type]


def check(fitted: Fit, name: str) -> Check:
    return next(check for check in fitted.checks if check.name == name)


def test_every_target_that_people_own_has_a_profile_with_sources() -> None:
    assert set(NAMED) <= set(profile_names())
    for profile in map(load_profile, profile_names()):
        assert profile.sources, profile.name
        assert set(profile.recipes) <= {recipe.key for recipe in RECIPES}
        assert {recipe.partition(".")[2] for recipe in profile.recipes} <= set(profile.runtimes)
        assert (profile.memory_of is None) == (profile.ram_bytes is None)
        assert all(slow.recipe in {recipe.key for recipe in RECIPES} for slow in profile.slow)


def test_the_limits_of_runtimes_are_those_that_were_measured() -> None:
    old, new = load_runtime("tflite-runtime-2.14.0"), load_runtime("ai-edge-litert-2.3.0")
    assert old.max_versions["FULLY_CONNECTED"] < 12 <= new.max_versions["FULLY_CONNECTED"]
    assert (load_runtime("onnxruntime-1.31.1").max_opset, load_runtime("onnxruntime-1.31.1").max_ir) == (26, 13)
    micro = load_runtime("tflite-micro-0.dev20261023182759")
    assert "CONV_2D" in micro.operators
    assert "GELU" not in micro.operators


def test_an_operator_version_too_new_for_the_target_is_found_before_it_is_copied(tmp_path: Path) -> None:
    path = write_chain(tmp_path / "dense.tflite", [4, 4], operator="FULLY_CONNECTED", version=12)
    found = contents(Operator(name="FULLY_CONNECTED", version=12, count=1))
    old = check(fit(load_profile("pi-legacy"), path, found, format="tflite"), "target.versions")
    assert not old.passed
    assert "FULLY_CONNECTED version 12 (it has 10)" in old.seen
    assert "pip install ai-edge-litert" in (old.advice or "")
    assert check(fit(load_profile("pi5"), path, found, format="tflite"), "target.versions").passed


def test_an_operator_that_a_microcontroller_lacks_is_named(tmp_path: Path) -> None:
    path = write_chain(tmp_path / "gelu.tflite", [4, 4], operator="GELU")
    missing = check(
        fit(load_profile("cortex-m4"), path, contents(Operator(name="GELU", version=1, count=1)), format="tflite"), "target.operators"
    )
    assert not missing.passed
    assert missing.seen.startswith("GELU not in tflite-micro")


def test_a_target_without_a_runtime_for_the_format_says_so(tmp_path: Path) -> None:
    fitted = fit(load_profile("rp2040"), tmp_path / "x.onnx", contents(), format="onnx")
    assert [(item.name, item.passed, item.advice) for item in fitted.checks] == [("target.runtime", False, "convert with --to tflite")]


def test_an_operator_set_newer_than_the_runtime_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(b"0" * 100)
    fitted = fit(load_profile("jetson-orin"), path, contents(opsets={"": 24}, version=11), format="onnx")
    assert not check(fitted, "target.opset").passed
    assert check(fitted, "target.ir").passed


def test_memory_is_what_lives_at_the_same_time(tmp_path: Path) -> None:
    assert activation_bytes(write_chain(tmp_path / "a.tflite", [10, 100, 50, 5])) == 150 * 4
    assert activation_bytes(write_chain(tmp_path / "b.tflite", [10, 100, 50, 5], dtype="INT8")) == 150
    assert activation_bytes(write_chain(tmp_path / "c.tflite", [7])) == 28


def test_activations_larger_than_the_memory_fail(tmp_path: Path) -> None:
    path = write_chain(tmp_path / "big.tflite", [200_000, 200_000], dtype="INT8")
    relu = contents(Operator(name="RELU", version=1, count=1))
    small = check(fit(load_profile("cortex-m4"), path, relu, format="tflite"), "target.memory")
    assert (small.passed, small.seen) == (False, "activations alone need at least 400 kB")
    assert check(fit(load_profile("cortex-m7"), path, relu, format="tflite"), "target.memory").passed


def test_weights_larger_than_the_flash_fail(tmp_path: Path) -> None:
    path = write_chain(tmp_path / "net.tflite", [4, 4])
    path.write_bytes(path.read_bytes() + bytes(600_000))
    relu = contents(Operator(name="RELU", version=1, count=1))
    assert not check(fit(load_profile("cortex-m55"), path, relu, format="tflite"), "target.flash").passed


def test_slow_schemes_are_remarks_with_what_to_take_instead(tmp_path: Path) -> None:
    path = write_chain(tmp_path / "net.tflite", [4, 4])
    convolution = contents(Operator(name="CONV_2D", version=1, count=1))
    dense = contents(Operator(name="FULLY_CONNECTED", version=1, count=1))
    pi = load_profile("pi5")
    assert [note.code for note in fit(pi, path, convolution, format="tflite", recipe="dynamic").notes] == ["target.slow"]
    assert fit(pi, path, dense, format="tflite", recipe="dynamic").notes == ()
    assert "not on this target" in fit(pi, path, dense, format="tflite", recipe="int16x8").notes[0].text


def test_a_profile_can_be_the_users_own(tmp_path: Path) -> None:
    own = tmp_path / "board.toml"
    own.write_text(
        'title = "mine"\nkind = "mcu"\nrecipes = ["int8.tflite"]\nsources = []\nram_bytes = 100\nflash_bytes = 1000000\n'
        'memory_of = "it"\n[runtimes]\ntflite = "tflite-runtime-2.14.0"\n'
    )
    profile = load_profile(str(own))
    assert (profile.name, profile.ram_bytes) == ("board", 100)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title = 3", "title"),
        ("= nonsense", "Invalid"),
        ('title = "x"\nkind = "cpu"\nrecipes = ["int9.tflite"]\nsources = []\n[runtimes]\n', "int9.tflite"),
        ('title = "x"\nkind = "cpu"\nrecipes = ["int8.tflite"]\nsources = []\n[runtimes]\ntflite = "lite-9"\n', "lite-9"),
        ('title = "x"\nkind = "cpu"\nrecipes = ["int8.tflite"]\nsources = []\nspeed = 3\n[runtimes]\n', "speed"),
    ],
)
def test_a_profile_that_cannot_be_meant_is_refused(text: str, told: str, tmp_path: Path) -> None:
    own = tmp_path / "board.toml"
    own.write_text(text)
    with pytest.raises(UsageError) as refused:
        load_profile(str(own))
    assert told in f"{refused.value.what} {refused.value.why}"


def test_a_profile_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_profile("nowhere.toml")


@pytest.mark.skipif(importlib.util.find_spec("ethosu") is None, reason="the mcu extra is not installed")
@pytest.mark.parametrize(("file", "on_cpu"), [("pretrainedResnet_quant.tflite", 0), ("pretrainedResnet.tflite", 16)])
def test_vela_says_what_the_npu_would_run(file: str, on_cpu: int, shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "mlperf_tiny" / "models" / file
    fitted = fit(load_profile("ethos-u55"), path, contents(Operator(name="CONV_2D", version=3, count=16)), format="tflite", recipe="x")
    assert fitted.npu is not None
    assert fitted.npu.on_cpu_count == on_cpu
    assert check(fitted, "target.npu").passed == (on_cpu == 0)
    if on_cpu:
        assert "Float32" in fitted.npu.on_cpu[0]
    else:
        assert fitted.npu.macs == pytest.approx(12.5e6, rel=0.01)
        assert fitted.npu.cycles > 1000
        assert fitted.npu.tool.startswith("vela ")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ram_bytes = -5", "ram_bytes is -5"),
        ('ram_bytes = "lots"', "valid integer"),
        ('kind = "quantum"', "cpu, mcu, npu"),
        ("recipes = []", "recipes is empty"),
        ('accelerator = "ethos-u99"', "ethos-u55-128"),
        ('onnx_activations = "int4"', "uint8, int8"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(line: str, said: str, tmp_path: Path) -> None:
    key = line.partition(" =")[0]
    stated = {"title": '"mine"', "kind": '"mcu"', "recipes": '["fp32.tflite"]', "sources": '["a guess"]', key: line.partition("= ")[2]}
    lines = [*(f"{name} = {value}" for name, value in stated.items()), "[runtimes]", 'tflite = "tflite-runtime-2.14.0"']
    (tmp_path / "mine.toml").write_text("\n".join(lines))
    with pytest.raises(UsageError) as caught:
        load_profile(str(tmp_path / "mine.toml"))
    assert caught.value.code == "target.profile"
    assert said in caught.value.why
