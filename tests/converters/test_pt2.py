"""A .pt2 is a zip archive that torch.export.load unpickles, imports and evaluates parts of; none of that may reach it."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit.converters.pt2_checks import check_expression
from edgekit.converters.pt2_file import harmless, ports
from edgekit.converters.source import Port, recognise
from edgekit.core.errors import ModelError, UsageError
from tests.conftest import Completed
from tests.converters.pt2_archives import LEAF, changed, program, tensor, tree, write_pt2


def refusal(path: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        harmless(path)
    assert caught.value.do
    return caught.value


def test_the_inputs_are_known_without_pytorch(tmp_path: Path) -> None:
    source = recognise(write_pt2(tmp_path / "m.pt2"))
    assert (source.format, source.name) == ("pt2", "m")
    assert source.ports == (Port(name="x", shape=(1, 4), dtype="float32"),)


def test_a_free_batch_is_free(tmp_path: Path) -> None:
    free = write_pt2(tmp_path / "m.pt2", program(batch="Symbol('s3', positive=True, integer=True)"))
    assert ports(free)[0].shape == (None, 4)


def test_a_program_is_known_by_its_content_whatever_its_name(tmp_path: Path) -> None:
    assert recognise(write_pt2(tmp_path / "m.pt")).format == "pt2"


def test_what_could_run_code_and_is_not_needed_is_dropped(tmp_path: Path) -> None:
    with zipfile.ZipFile(harmless(write_pt2(tmp_path / "m.pt2", extra__note=b"x"))) as archive:
        kept = json.loads(archive.read("model/models/model.json"))
        assert archive.read("model/data/sample_inputs/model.pt") == b""
        assert "model/extra/note" not in archive.namelist()
    assert kept["guards_code"] == []
    assert list(kept["graph_module"]["graph"]["nodes"][0]["metadata"]) == ["nn_module_stack"]  # names of layers


SPEC = ("graph_module", "module_call_graph", 0, "signature", "in_spec")
VALUES = ("graph_module", "graph", "tensor_values", "x")
NODE = ("graph_module", "graph", "nodes", 0)


@pytest.mark.parametrize(
    "stated",
    [
        changed(*VALUES, value=tensor("__import__('os').system('id')", 4)),
        changed(*VALUES, value=tensor("().__class__", 4)),
        changed(*VALUES, value=tensor("Symbol('s') + exec('1')", 4)),
        changed(*VALUES, value=tensor("[s for s in (1,)]", 4)),
        changed("range_constraints", value={"open('x')": {"min_val": 0, "max_val": 2}}),
        changed(*NODE, "target", value="torch.load"),
        changed(*NODE, "target", value="_operator.methodcaller"),
        changed(*NODE, "target", value="torch.ops.mine.special.default"),
        changed(*NODE, "target", value="torch.ops.aten.from_file.default"),
        changed(*NODE, "inputs", 0, "arg", value={"as_operator": "torch.load"}),
        changed(*SPEC, value=json.dumps([1, tree("collections.defaultdict", LEAF, context='{"default_factory_module": "os"}')])),
        changed(
            *SPEC, value=json.dumps([1, tree("builtins.dict", LEAF, context='[{"__enum__": true, "fqn": "antigravity:x", "name": "y"}]')])
        ),
    ],
)
def test_a_program_that_carries_code_is_refused(tmp_path: Path, stated: dict[str, Any]) -> None:
    assert refusal(write_pt2(tmp_path / "m.pt2", stated)).code == "model.carries_code"


@pytest.mark.parametrize(
    ("weight", "parts"),
    [
        ({"use_pickle": True}, {}),
        ({"path_name": "../../other"}, {}),
        (None, {"data__constants__custom_obj_0": b"x"}),
        (None, {"data__aotinductor__model__model.so": b"x"}),
    ],
)
def test_pickled_and_compiled_parts_are_refused(tmp_path: Path, weight: dict[str, Any] | None, parts: dict[str, bytes]) -> None:
    assert refusal(write_pt2(tmp_path / "m.pt2", None, weight, **parts)).code == "model.carries_code"


@pytest.mark.parametrize(
    "text", ["s3", "2*s3 + 1", "FloorDiv(s3, 2)", "Symbol('s3', positive=True, integer=True)", "Max(1, s0 - 3)", "-s1**2"]
)
def test_arithmetic_on_sizes_is_allowed(text: str) -> None:
    check_expression(text, Path("m.pt2"))


def test_a_quantized_program_is_refused(tmp_path: Path) -> None:
    stated = changed(*NODE, "target", value="torch.ops.quantized_decomposed.quantize_per_tensor.default")
    assert refusal(write_pt2(tmp_path / "m.pt2", stated)).code == "model.quantized"


@pytest.mark.parametrize(
    "stated", [{}, {"graph_module": []}, changed("graph_module", "graph", "nodes", value=[{}]), changed(*SPEC, value="[")]
)
def test_a_description_that_pytorch_never_wrote_is_refused(tmp_path: Path, stated: dict[str, Any]) -> None:
    path = write_pt2(tmp_path / "m.pt2", stated or {"x": 1})
    assert refusal(path).code == "model.damaged"
    with pytest.raises(ModelError):
        recognise(path)


def test_a_description_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    path = write_pt2(tmp_path / "m.pt2")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, b" " * (65 << 20) if name.endswith("model.json") else content)
    error = refusal(path)
    assert (error.code, "larger than 64 MiB" in error.why) == ("model.damaged", True)


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    whole = write_pt2(tmp_path / "m.pt2").read_bytes()
    (tmp_path / "m.pt2").write_bytes(whole[:-30])
    with pytest.raises(ModelError) as caught:
        recognise(tmp_path / "m.pt2")
    assert caught.value.code == "model.damaged"


def zipped(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(f"m/{name}", b"")


@pytest.mark.parametrize(
    ("name", "write", "why"),
    [
        ("m.pth", lambda path: zipped(path, "data.pkl", "data/0"), "to unpickle is to run"),
        ("m.pt", lambda path: zipped(path, "data.pkl", "constants.pkl", "code/__torch__.py"), "TorchScript"),
        ("m.bin", lambda path: path.write_bytes(pickle.dumps({"weight": 1}, protocol=2)), "to unpickle is to run"),
        ("m.pkl", lambda path: path.write_bytes(pickle.dumps([1])), "to unpickle is to run"),
    ],
)
def test_pickled_models_are_refused_with_the_way_to_export_them(
    tmp_path: Path, name: str, write: Callable[[Path], object], why: str, run_edgekit: Callable[..., Completed]
) -> None:
    write(tmp_path / name)
    with pytest.raises(ModelError) as caught:
        recognise(tmp_path / name)
    assert (caught.value.code, why in caught.value.why) == ("model.pickle", True)
    assert "torch.export.save" in caught.value.do[0][1]


def test_a_pickled_model_is_refused_at_the_front_door(tmp_path: Path, run_edgekit: Callable[..., Completed]) -> None:
    zipped(tmp_path / "m.pth", "data.pkl")
    done = run_edgekit("convert", "m.pth")
    assert (done.returncode, "model.pickle" in done.stderr) == (5, True)


def test_a_function_is_looked_for_in_this_folder_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        recognise(Path("json:loads"))
    assert caught.value.code == "model.function"
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "small.py").write_text("raise RuntimeError('never imported by the parent')")
    source = recognise(Path("nets.small:net"))
    assert (source.format, source.name, source.ports) == ("torch", "net", None)
