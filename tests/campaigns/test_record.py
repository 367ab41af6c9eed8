"""Recording references needs a GPU; here the emulated device stands in for it, and its records say so."""

from __future__ import annotations

import json

import pytest

from edgekit.campaigns.record import each
from edgekit.core.errors import ModelError
from tests.tiny import write_onnx


@pytest.fixture
def tiny(tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    return write_onnx(tmp_path / "tiny.fp32.onnx")


@pytest.mark.slow
def test_each_batch_becomes_a_run_folder_that_can_be_read_alone(run_edgekit, tiny, tmp_path):
    done = run_edgekit(
        "--json",
        "models",
        "record",
        "tiny",
        "--device",
        "sim",
        "--artifact",
        tiny,
        "--into",
        "refs",
        "--windows",
        "3",
        "--batch",
        "1",
        "--batch",
        "8",
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "refs").iterdir()) == ["sim-b1", "sim-b8"]
    stored = json.loads((tmp_path / "refs" / "sim-b8" / "run.json").read_text())
    assert stored["plan"]["batch"] == 8
    assert stored["analysis"]["energy_j_per_inference"]["origins"] == ["emulated"]
    assert run_edgekit("bench", "--reanalyse", "refs/sim-b8").returncode == 0


def test_without_a_gpu_the_error_says_so(run_edgekit, tiny):
    done = run_edgekit("--json", "models", "record", "tiny", "--artifact", tiny, "--into", "refs", env={"CUDA_VISIBLE_DEVICES": ""})
    assert done.returncode == 4, done.stdout
    assert done.json()["data"]["code"] in {"device.no_gpu", "meter.nvml_unusable"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "usage.missing"),
        (("--all", "digits_cnn"), "usage.value"),
        (("one", "two", "--artifact", "tiny.onnx", "--into", "refs"), "usage.missing"),
        (("digits_cnn", "--batch", "none"), "bench.amount"),
        (("--all", "--device", "stand-in"), "reference.rehearsal"),
    ],
)
def test_what_cannot_be_recorded_is_refused_before_anything_is_built(run_edgekit, tmp_path, words, code):
    (tmp_path / "edgekit.toml").write_text('[devices.stand-in]\nkind = "cuda"\noptions = { rehearsal = "cpu" }\n')
    assert run_edgekit("--json", "models", "record", *words).json()["data"]["code"] == code


def test_one_model_that_cannot_be_recorded_does_not_stop_the_others():
    def one(name):
        if name.startswith("odd"):
            raise ModelError("torch does not know Loop", code="model.unsupported")
        return name.upper()

    made, refused = each(["a", "odd", "b"], one)
    assert made == ["A", "B"]
    assert [error.what for error in refused] == ["odd: torch does not know Loop"]
    with pytest.raises(ModelError, match="torch does not know Loop"):
        each(["odd"], one)


def test_all_means_every_reference_model():
    from edgekit.flows.reference import reference_models
    from edgekit.links.files import bundled

    assert set(reference_models()) == {path.parent.name for path in bundled("models").glob("*/build.py")} - {"workbench"}


def test_shipped_references_are_marked_for_what_they_are():
    from edgekit.core.quantity import Origin
    from edgekit.links.files import bundled
    from edgekit.store.runs import read_record

    records = [read_record(path) for path in bundled("models").glob("*/references/*/run.json")]
    assert records, "a machine without a GPU needs a stored cloud side"
    for record in records:
        energy = record.analysis.energy_j_per_inference
        assert energy.boundary == "gpu_board"
        if not record.traces:  # nothing was read, so nothing may be called measured
            assert energy.origins == (Origin.MODELED,)
            assert any(note.code == "run.modeled" for note in record.notes)


@pytest.mark.slow
def test_a_modeled_record_counts_the_operators_and_says_what_it_assumes(run_edgekit, tiny, tmp_path):
    assert run_edgekit("convert", tiny, "-r", "fp32", "--to", "onnx", "--out", "made", "--name", "tiny").returncode == 0
    done = run_edgekit(
        "--json", "models", "record", "tiny", "--modeled", "--artifact", "made/tiny.fp32.onnx", "--batch", "1", "--into", "refs"
    )
    assert done.returncode == 0, done.stderr
    stored = json.loads((tmp_path / "refs" / "modeled-gpu-b1" / "run.json").read_text())
    assert stored["analysis"]["energy_j_per_inference"]["origins"] == ["modeled"]
    (note,) = stored["notes"]
    assert "1 operators and 6.4e-05 MFLOP" in note["text"]  # one product of 8 inputs with 4 columns: 2 x 32 operations
    assert "assumed" in note["text"]
