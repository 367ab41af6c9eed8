"""Programs of torch.export run on a device: from a copy without code, with a batch that is theirs to take, in the precision asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgekit.core.errors import ModelError
from edgekit.flows.bench.inputs import open_subject
from edgekit.flows.bench.program import plain_copy
from edgekit.runner import engines
from edgekit.runner.engines.inputs import prepare
from edgekit.runner.wire import Refusal
from tests.runner import tiny

torch = pytest.importorskip("torch", reason="torch is not installed")


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(1)
    layers = [torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(128, 4)]
    return torch.nn.Sequential(*layers, torch.nn.Softmax(-1)).eval()


@pytest.fixture(scope="module", params=["free", "fixed"])
def program(request: Any, network: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    path = tmp_path_factory.mktemp("a program") / "net.pt2"
    dynamic = ({0: torch.export.Dim("batch")},) if request.param == "free" else None
    torch.export.save(torch.export.export(network, (torch.zeros(2, 3, 6, 6),), dynamic_shapes=dynamic), path)
    return request.param, path


@pytest.mark.parametrize("precision", [None, "fp16"])
def test_a_program_computes_what_its_module_does(program: tuple[str, Path], network: Any, tmp_path: Path, precision: str | None) -> None:
    kind, path = program
    plain, batch = plain_copy(path, "0" * 64, tmp_path), 3 if kind == "free" else 2
    engine = engines.load(str(plain), None, 1, batch, precision=precision)
    x = torch.rand(batch, 3, 6, 6)
    samples = tiny.samples(tmp_path / "x.npz", x.numpy())
    inputs, origin = prepare(engine, str(samples), batch)
    (ours,), theirs = engine.infer(inputs[0]), network(x).detach().numpy()
    assert origin == "samples"
    assert abs(ours.astype("float32") - theirs).max() < (1e-6 if precision is None else 5e-3)
    assert (ours.dtype == "float16") == (precision == "fp16")
    assert engine.describe()["engine"] == "torch_pt2"
    assert engine.describe().get("precision") == precision
    weights = {
        str(value.dtype) for name, value in engine._module.state_dict().items() if name.endswith("0.weight") or name.endswith("4.weight")
    }
    assert weights == {"torch.float16" if precision else "torch.float32"}, "weights are converted once, not with each inference"


def test_a_fixed_batch_is_refused_with_the_remedy(program: tuple[str, Path], tmp_path: Path) -> None:
    kind, path = program
    if kind == "free":
        assert engines.load(str(plain_copy(path, "0" * 64, tmp_path)), None, 1, 5).inputs[0].shape[0] == 5
        return
    with pytest.raises(Refusal) as caught:
        engines.load(str(plain_copy(path, "0" * 64, tmp_path)), None, 1, 5)
    assert caught.value.error["code"] == "model.batch"
    assert "torch.export.Dim" in caught.value.error["do"][0][1]


def test_what_edgekit_has_not_gone_through_is_not_loaded(program: tuple[str, Path]) -> None:
    with pytest.raises(Refusal) as caught:
        engines.load(str(program[1]), None, 1, 2)
    assert caught.value.error["code"] == "model.unchecked"


def test_the_file_that_a_device_gets_is_the_copy_and_the_artifact_is_the_users(
    program: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    subject = open_subject(program[1])
    assert subject.artifact.path == "net.pt2"
    assert subject.file != subject.path
    assert subject.file.parent.is_relative_to(tmp_path)
    assert open_subject(program[1]).file == subject.file


def test_a_program_that_carries_code_goes_nowhere(tmp_path: Path) -> None:
    (tmp_path / "evil.pt2").write_bytes(b"PK\x03\x04 and nothing whole")
    with pytest.raises(ModelError):
        plain_copy(tmp_path / "evil.pt2", "0" * 64, tmp_path)


def test_a_graph_in_half_precision_converts_its_weights_once(tmp_path: Path) -> None:
    engine = engines.load(str(tiny.onnx(tmp_path / "m.onnx")), "torch_onnx", 1, 2, precision="fp16")
    inputs, _ = prepare(engine, str(tiny.samples(tmp_path / "x.npz", [[1, 2, 3, 4], [0, 0, 0, 0]])), 2)
    assert engine.infer(inputs[0])[0].tolist() == [[3, 5, 7, 9], [1, 1, 1, 1]]
    assert {str(value.dtype) for name, value in engine._values.items() if name == "w"} == {"torch.float16"}
    assert engine.describe()["precision"] == "fp16"
