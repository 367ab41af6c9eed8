"""What a user can get wrong, through the front door: each is a clear error, and nothing half-written is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.flows.convert import ConvertRequest
from tests.conftest import Completed, clean_environment
from tests.converters.graphs import functional, image, layer, write_keras
from tests.tiny import write_onnx

Run = Callable[..., Completed]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Return a folder with a small ONNX model, a Keras graph, and data for both."""
    random = np.random.default_rng(0)
    write_onnx(tmp_path / "tiny.onnx")
    write_keras(tmp_path / "graph.keras")
    x = random.normal(size=(40, 8)).astype(np.float32)
    np.savez(tmp_path / "calib.npz", x=x[:30])
    np.savez(tmp_path / "many.npz", x=random.uniform(-1, 1, size=(100, 8)).astype(np.float32))
    np.savez(tmp_path / "test.npz", x=x[::-1], y=np.zeros(40, int))
    np.savez(tmp_path / "empty.npz", x=np.zeros((0, 8, 8, 1)))
    np.savez(tmp_path / "nchw.npz", x=np.zeros((4, 1, 8, 8)))
    np.savez(tmp_path / "words.npz", x=np.full((4, 8, 8, 1), "a"))
    np.savez(tmp_path / "unlabelled.npz", x=np.zeros((4, 8, 8, 1)))
    (tmp_path / "text.keras").write_text("this is no model\n")
    (tmp_path / "folder.keras").mkdir()
    os.mkfifo(tmp_path / "pipe.keras")  # opening it would wait for a writer for ever
    (tmp_path / "corrupt.onnx").write_bytes((tmp_path / "tiny.onnx").read_bytes()[:60])
    (tmp_path / "garbage.onnx").write_text("garbage")
    (tmp_path / "huge.onnx").write_bytes(b"\x08\x08")
    os.truncate(tmp_path / "huge.onnx", 40 << 30)  # takes no room; to read it takes minutes
    code = {"class_name": "__lambda__", "config": {"code": "x"}}
    write_keras(tmp_path / "lambda.keras", functional(image(), layer("Lambda", "f", "image", function=code), output="f"))
    return tmp_path


@pytest.mark.parametrize(
    ("words", "status", "code", "said"),
    [
        ("absent.keras", 2, "file.missing", "absent.keras"),
        ("folder.keras", 5, "model.folder", "it holds nothing"),
        ("text.keras", 5, "model.format", "it is text"),
        ("lambda.keras", 5, "model.lambda", "Python code"),
        ("corrupt.onnx -r fp32", 5, "model.damaged", "not a whole .onnx"),
        ("garbage.onnx -r fp32", 5, "model.damaged", "not a whole .onnx"),
        ("graph.keras -r in8", 2, "recipe.unknown", "did you mean int8?"),
        ("graph.keras --to onxx", 2, "format.unknown", "did you mean onnx?"),
        ("graph.keras -r int8-full --to onnx", 2, "recipe.format", "tflite"),
        ("graph.keras -r int8", 2, "calibration.missing", "edgekit convert graph.keras -r int8 --calib inputs.npz\n"),
        (
            "tiny.onnx --target cortex-m4 --to onnx",
            2,
            "target.recipes",
            "tiny.onnx --target cortex-m4 --to tflite --calib inputs.npz",
        ),
        ("tiny.onnx --timeout 0", 2, "usage.value", "leaves no time"),
        (". --out out", 5, "model.folder", "which hold a saved_model.pb"),
        ("huge.onnx", 5, "model.format", "larger than 2 GiB"),
        ("graph.keras --calib absent.npz", 2, "file.missing", "--calib"),
        ("graph.keras --calib empty.npz", 2, "samples.empty", "no samples"),
        ("graph.keras --calib nchw.npz", 2, "samples.shape", "input image: expected (N, 8, 8, 1), got (4, 1, 8, 8)"),
        ("graph.keras --calib words.npz", 2, "samples.dtype", "expected float32"),
        ("graph.keras --eval unlabelled.npz", 2, "labels.missing", "no labels y"),
        ("graph.keras --min-sqnr int8=high", 2, "usage.value", "decibels"),
        ("graph.keras --min-sqnr int9=10", 2, "recipe.unknown", "did you mean int8?"),
        ("graph.keras --max-accuracy-drop 1%", 2, "labels.missing", "--eval test.npz"),
        ("graph.keras --max-accuracy-drop some", 2, "usage.value", "--max-accuracy-drop 1%"),
        ("graph.keras --max-accuracy-drop 300%", 2, "usage.value", "share of the samples"),
        ("graph.keras --name a/b", 2, "usage.value", "--out"),
        ("graph.keras --name a\x1b[31m", 2, "usage.value", "cannot be shown"),
        ("a\x1bb.keras", 2, "file.name", "a\\x1bb.keras"),
        (os.fsdecode(b"\xff.keras"), 2, "file.name", "UTF-8"),
        ("graph.keras --name ..", 2, "usage.value", "--out"),
        (f"graph.keras --name {'a' * 250}", 2, "usage.value", "200 bytes"),
        ("graph.keras --min-sqnr int8=nan", 2, "usage.value", "decibels"),
        ("graph.keras --memory 1kB", 2, "usage.value", "--memory is too little"),
        ("graph.keras --custom-objects net", 2, "custom.import", "package.module:Class"),
        ("graph.keras --percentile 20", 2, "usage.value", "greater than or equal to 50"),
        (f"{'a' * 300}.keras", 2, "file.unreadable", "too long"),
        ("pipe.keras", 2, "file.unreadable", "pipe"),
        ("graph.keras --calib pipe.keras", 2, "file.unreadable", "pipe"),
        (f"graph.keras --out {'a' * 300}", 6, "output.unwritable", "too long"),
        ("graph.keras --out text.keras", 6, "output.unwritable", "text.keras"),
    ],
)
def test_a_mistake_is_answered_and_leaves_nothing(words: str, status: int, code: str, said: str, desk: Path, run_edgekit: Run) -> None:
    before = sorted(path.name for path in desk.iterdir())
    done = run_edgekit("convert", *words.split(), cwd=desk)
    assert (done.returncode, f"[{code}]" in done.stderr, said in done.stderr) == (status, True, True), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert sorted(path.name for path in desk.iterdir()) == before


def test_a_mistake_is_one_json_document_when_asked(desk: Path, run_edgekit: Run) -> None:
    done = run_edgekit("convert", "text.keras", "--json", cwd=desk)
    assert done.returncode == 5
    assert done.json()["schema"] == "edgekit.error/1"
    assert done.json()["data"]["code"] == "model.format"


def test_an_onnx_model_is_quantized_and_proved_without_tensorflow(desk: Path, run_edgekit: Run) -> None:
    done = run_edgekit("convert", "tiny.onnx", "--calib", "calib.npz", "--eval", "test.npz", "--json", cwd=desk)
    assert done.returncode == 0, done.stderr
    rows = done.json()["data"]["rows"]
    assert [(row["recipe"], row["artifact"]["status"]) for row in rows] == [("fp32", "verified"), ("int8", "verified")]
    assert rows[1]["artifact"]["scheme_achieved"] == "int8 weights, uint8 activations"
    assert "tensorflow" not in rows[1]["artifact"]["tools"]
    assert (desk / rows[1]["path"]).is_file()


@pytest.mark.slow
def test_the_table_shows_the_proof_and_the_next_command(desk: Path, run_edgekit: Run) -> None:
    done = run_edgekit("convert", "tiny.onnx", "--calib", "calib.npz", "--eval", "test.npz", "--out", "a b", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert "tiny.int8.onnx" in done.stdout
    assert "dB" in done.stdout
    assert "verified" in done.stdout
    assert "edgekit bench 'a b/tiny.fp32.onnx' 'a b/tiny.int8.onnx'" in done.stdout


@pytest.mark.slow
def test_the_table_fits_eighty_columns_with_every_column_it_has(desk: Path, run_edgekit: Run) -> None:
    words = ["--calib", "calib.npz", "--eval", "classes.npz", "--runtime-agreement", "--style", "rich", "--name", "a_name_of_20_letters"]
    with np.load(desk / "test.npz") as data:
        np.savez(desk / "classes.npz", x=data["x"], y=np.arange(40) % 4)
    done = run_edgekit("convert", "tiny.onnx", *words, cwd=desk, env={"COLUMNS": "80", "NO_COLOR": ""})
    assert done.returncode == 0, done.stderr
    table = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout.partition("\nnext")[0])
    assert max(map(len, table.splitlines())) <= 80
    for said in ("accuracy", "change", "weights", "compute", "unoptimised", "0 of "):
        assert said in table


@pytest.mark.slow
def test_labelled_data_decides_where_the_user_lets_it(desk: Path, run_edgekit: Run) -> None:
    random = np.random.default_rng(1)
    x = random.uniform(-1, 1, size=(400, 8)).astype(np.float32)
    labels = (x @ np.linspace(-1, 1, 32, dtype=np.float32).reshape(8, 4)).argmax(1)
    np.savez(desk / "labelled.npz", x=x, y=labels)
    (desk / "edgekit.toml").write_text("[convert.floors]\nint8 = 60\n")
    words = ["tiny.onnx", "-r", "int8", "--calib", "many.npz", "--eval", "labelled.npz", "--json"]
    strict = run_edgekit("convert", *words, cwd=desk)
    assert strict.returncode == 3, "the floor of the project holds"
    checks = {check["name"]: check for check in strict.json()["data"]["rows"][0]["artifact"]["verification"]["checks"]}
    assert checks["sqnr"]["floor"] == "60 dB"
    lenient = run_edgekit("convert", *words, "--max-accuracy-drop", "10%", cwd=desk)
    assert lenient.returncode == 0, lenient.stderr
    assert [note["code"] for note in lenient.json()["notes"] if note["code"].startswith("sqnr")] == ["sqnr.excused"]
    proof = lenient.json()["data"]["rows"][0]["artifact"]["verification"]
    assert proof["accuracy_change"]["low"] > -0.1
    assert 0 < proof["mcnemar_p"] <= 1


@pytest.mark.slow
def test_without_data_the_record_says_so_and_keeps_no_samples(desk: Path, run_edgekit: Run) -> None:
    done = run_edgekit("convert", "tiny.onnx", "-r", "fp32", "--json", cwd=desk)
    artifact = done.json()["data"]["rows"][0]["artifact"]
    assert (artifact["samples"], artifact["samples_origin"]) == (None, None)
    assert "proof.synthetic" in [note["code"] for note in artifact["notes"]]
    assert not list((desk / "artifacts").glob("*.npz"))


@pytest.mark.slow
def test_a_percentile_without_anything_to_calibrate_is_told_of(desk: Path, run_edgekit: Run) -> None:
    done = run_edgekit("convert", "tiny.onnx", "-r", "fp32", "--percentile", "99.9", "--json", cwd=desk)
    assert "calibration.unused" in [note["code"] for note in done.json()["notes"]]
    done = run_edgekit("convert", "tiny.onnx", "-r", "int8", "--percentile", "99.9", "--calib", "calib.npz", "--json", cwd=desk)
    assert "calibration.unused" not in [note["code"] for note in done.json()["notes"]]


@pytest.mark.slow
def test_samples_from_calibration_data_are_called_that(desk: Path, run_edgekit: Run) -> None:
    done = run_edgekit("convert", "tiny.onnx", "--calib", "calib.npz", "--json", cwd=desk)
    assert done.json()["data"]["rows"][0]["artifact"]["samples_origin"] == "30 calibration inputs"


@pytest.mark.slow
def test_of_many_calibration_inputs_some_are_kept_apart_to_test_on(desk: Path, run_edgekit: Run) -> None:
    done = run_edgekit("convert", "tiny.onnx", "-r", "int8", "--calib", "many.npz", "--json", cwd=desk)
    assert done.returncode == 0, done.stderr
    artifact = done.json()["data"]["rows"][0]["artifact"]
    assert artifact["samples_origin"] == "20 inputs of the --calib file that were not used to calibrate"
    assert artifact["calibration"]["samples"] == 80
    with np.load(desk / "artifacts" / "tiny.samples.npz") as kept, np.load(desk / "many.npz") as given:
        assert (kept["x"] == given["x"][4::5]).all()
    proof = artifact["verification"]
    assert (proof["data"], proof["samples"], proof["calibration_samples"]) == ("held-out", 20, 32)
    assert proof["calibration_sqnr_db"] > proof["sqnr_db"] > 20
    assert proof["calibration_max_abs_error"] is not None


@pytest.mark.slow
def test_only_what_was_verified_is_proposed_for_a_benchmark(desk: Path, run_edgekit: Run) -> None:
    done = run_edgekit("convert", "tiny.onnx", "--calib", "calib.npz", "--min-sqnr", "int8=200", cwd=desk)
    assert done.returncode == 3, done.stderr
    (bench,) = (line for line in done.stdout.splitlines() if "edgekit bench" in line)
    assert "without the 1 that failed" in bench
    assert bench.split("edgekit bench ")[1] == "artifacts/tiny.fp32.onnx"


@pytest.mark.slow
def test_what_an_earlier_conversion_left_under_the_same_name_is_named(desk: Path, run_edgekit: Run) -> None:
    def stale(*words: str) -> list[str]:
        done = run_edgekit("convert", "tiny.onnx", "--json", *words, cwd=desk)
        assert done.returncode == 0, done.stderr
        return [note["text"] for note in done.json()["notes"] if note["code"] == "convert.stale"]

    assert stale("--calib", "calib.npz") == []
    assert stale("--calib", "calib.npz", "-r", "fp32") == []  # int8 is of the same model and data
    (text,) = stale()
    assert "tiny.int8.onnx, tiny.samples.npz" in text
    assert (desk / "artifacts" / "tiny.int8.onnx").exists()


def test_values_to_predict_instead_of_classes_are_welcome(desk: Path, run_edgekit: Run) -> None:
    np.savez(desk / "measured.npz", x=np.zeros((40, 8)), y=np.linspace(0, 1, 40))
    done = run_edgekit("convert", "tiny.onnx", "-r", "fp32", "--eval", "measured.npz", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert "accuracy is not computed: this is not a classification" in done.stderr
    assert "astype" not in done.stderr


BREAK = """
import sys
class Stumble:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime.capi":
            raise RuntimeError("the library stumbled")
sys.meta_path.insert(0, Stumble())
"""


def test_verbose_shows_the_traceback_of_the_child(desk: Path, run_edgekit: Run) -> None:
    (desk / "site").mkdir()
    (desk / "site" / "sitecustomize.py").write_text(BREAK)
    done = run_edgekit("convert", "tiny.onnx", "-r", "fp32", "-v", cwd=desk, env={"PYTHONPATH": str(desk / "site")})
    assert done.returncode == 5
    assert "the library stumbled" in done.stderr
    assert 'sitecustomize.py", line' in done.stderr


def test_advice_repeats_the_command_line_that_was_given(tmp_path: Path) -> None:
    request = ConvertRequest(
        model=Path("my model.keras"),
        out=Path("o"),
        formats=("onnx",),
        recipes=("int8",),
        calibration=Path("c.npz"),
        min_sqnr_db={"int8": 15},
    )
    assert request.command("-v") == "edgekit convert 'my model.keras' --to onnx -r int8 --calib c.npz --out o --min-sqnr int8=15 -v"
    assert request.command("--to tflite -r fp16").endswith("--calib c.npz --out o --min-sqnr int8=15 --to tflite -r fp16")
    assert "--to onnx" not in request.command("--to tflite -r fp16")


def test_a_missing_package_is_answered_with_its_extra(desk: Path, run_edgekit: Run) -> None:
    (desk / "site").mkdir()
    (desk / "site" / "sitecustomize.py").write_text("import sys; sys.modules['tensorflow'] = None")
    done = run_edgekit("convert", "graph.keras", cwd=desk, env={"PYTHONPATH": str(desk / "site")})
    assert done.returncode == 6
    assert "[setup.extra]" in done.stderr
    assert 'pip install "edgekit[convert]"' in done.stderr
    assert not (desk / "artifacts").exists()


@pytest.fixture
def open_desk() -> Iterator[Path]:
    """Return a folder that every user may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="edgekit-test-") as folder:
        Path(folder).chmod(0o755)
        write_keras(Path(folder) / "graph.keras")
        yield Path(folder)


def test_a_folder_that_may_not_be_written_is_refused_before_the_work(open_desk: Path, as_ordinary_user: Callable[..., Completed]) -> None:
    (open_desk / "locked").mkdir()
    (open_desk / "locked").chmod(0o555)
    if as_ordinary_user([sys.executable, "-c", "import edgekit"], cwd=open_desk).returncode != 0:
        pytest.skip("the Python environment cannot be read by an ordinary user")
    done = as_ordinary_user([sys.executable, "-m", "edgekit", "convert", "graph.keras", "--out", "locked/inside"], cwd=open_desk)
    assert done.returncode == 6, done.stderr
    assert "[output.permission]" in done.stderr
    assert "loading" not in done.stderr
    assert list((open_desk / "locked").iterdir()) == []


def test_a_full_disk_leaves_what_was_there(desk: Path, tiny_disk: Path, run_edgekit: Run) -> None:
    (tiny_disk / "big.fp32.onnx").write_bytes(b"the old one")
    np.savez(desk / "wide.npz", x=np.random.default_rng(0).normal(size=(20, 8192)).astype(np.float32))
    write_onnx(desk / "big.onnx", width=8192)
    done = run_edgekit("convert", "big.onnx", "--calib", "wide.npz", "--out", tiny_disk, cwd=desk)
    assert done.returncode == 6, done.stderr
    assert "[output.disk_full]" in done.stderr
    assert {path.name: path.read_bytes() for path in tiny_disk.iterdir()} == {"big.fp32.onnx": b"the old one"}


def test_interrupting_leaves_nothing(desk: Path) -> None:
    work = desk / "tmp"
    work.mkdir()
    environment: dict[str, Any] = clean_environment({"TMPDIR": str(work)})
    command = [sys.executable, "-m", "edgekit", "--style", "plain", "convert", "graph.keras"]
    with subprocess.Popen(command, cwd=desk, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        while not list(work.glob("edgekit-*/proof.npz")):  # written as the first child is about to start
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        stdout, rest = child.communicate(timeout=60)
    assert child.returncode == 130, rest
    assert b"Traceback" not in rest
    assert stdout == b""
    assert list(work.iterdir()) == []
    assert not (desk / "artifacts").exists()
