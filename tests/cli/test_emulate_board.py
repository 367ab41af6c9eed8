"""`edgekit devices emulate board`: one command starts a board with its meter, the next one measures it, as a user would."""

from __future__ import annotations

import contextlib
import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgekit.core.errors import UsageError
from edgekit.flows.emulate_board import BoardRequest, emulated_board
from tests.conftest import clean_environment
from tests.runner import tiny


@contextlib.contextmanager
def _emulated(folder: Path, *args: str) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "edgekit", "--json", "devices", "emulate", "board", "--seconds", "300", *args]
    with subprocess.Popen(command, cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        text = ""
        try:
            for line in running.stdout:
                text += line
                if line.rstrip() == "}":
                    break
            yield json.loads(text)["data"]
        finally:
            running.send_signal(signal.SIGINT)
    assert running.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--energy", "--socket")])
def test_what_is_printed_measures_what_is_emulated(tmp_path: Path, run_edgekit: Any, more: tuple[str, ...]) -> None:
    tiny.tflite(tmp_path / "m.int8.tflite", quantized=True)
    with _emulated(tmp_path, "--model", "m.int8.tflite", "--meter", "lpm01a", "--inference-ms", "5", *more) as data:
        _, *words = shlex.split(data["command"])
        timing = ("--windows", "3", "--window", "1", "--idle", "0.5", "--warmup", "0.3", "--cooldown", "0.3")
        done = run_edgekit("--json", *words, *timing, "--runs", "runs")
    assert done.returncode == 0, done.stderr
    document = done.json()
    run = document["data"]["runs"][0]
    energy = run["analysis"]["energy_j_per_inference"]
    assert energy["origins"] == ["emulated"], energy
    assert run["analysis"]["time_s_per_inference"]["value"] == pytest.approx(0.005, rel=0.1)
    assert run["analysis"]["time_s_per_inference"]["origins"] == ["emulated"]
    assert run["facts_before"]["engine"] == "flashed m"
    assert {"board.flashed", "board.agrees"} <= {note["code"] for note in run["notes"]}
    if energy["value"] is not None:  # a machine that is too busy to keep up with the emulators says so, and states none
        assert energy["value"] == pytest.approx(0.005 * 0.042, rel=0.05)


def test_a_board_that_cannot_be_emulated_is_refused(run_edgekit: Any, tmp_path: Path) -> None:
    tiny.tflite(tmp_path / "m.tflite")
    done = run_edgekit("devices", "emulate", "boat", "--model", "m.tflite")
    assert done.returncode == 2
    assert "did you mean board?" in done.stderr
    done = run_edgekit("devices", "emulate", "board", "--model", "none.tflite")
    assert (done.returncode, "file.missing" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"inference_s": 0.0}, "emulate.board"),
        ({"active_w": -1.0}, "emulate.board"),
        ({"faults": ("reset@soon",)}, "emulate.fault"),
        ({"faults": ("burn@3s",)}, "emulate.fault"),
        ({"meter": "gauge"}, "emulator.unknown"),
    ],
)
def test_requests_that_cannot_be_meant_are_refused(tmp_path: Path, change: dict[str, Any], code: str) -> None:
    request = BoardRequest(model=tiny.tflite(tmp_path / "m.tflite"), **change)
    with pytest.raises(UsageError) as refused, emulated_board(request):
        pass
    assert refused.value.code == code
    assert change.get("faults") != ("burn@3s",) or "KIND is silent, garbage, short, reset" in refused.value.why
