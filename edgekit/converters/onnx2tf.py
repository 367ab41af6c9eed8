"""Convert prepared float ONNX to float TFLite by onnx2tf, which lives in an environment of its own. Runs in a child process.

Only float: its own int8 fails or gives wrong scales. Inputs keep the source's layout (-kat), and that is checked: without, an input
[1, 224, 224, 3] silently became [1, 224, 3, 224].
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from edgekit.core.errors import EdgekitError, ModelError, SetupError
from edgekit.environments import Environment, find, known
from edgekit.environments.pythons import choose
from edgekit.links.shell import LocalShell, Shell

NAME: Final = "onnx2tf"
_PATIENCE_S: Final = 1800.0
_ALREADY_SIMPLE: Final = ("-nuo",)  # its own simplifier would undo what pins the layout of outputs
_NOT_ITS_OWN: Final = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONSTARTUP")


class Place(Protocol):
    """Say where an environment is."""

    @property
    def python(self) -> Path:
        """Return its interpreter."""

    @property
    def bin(self) -> Path:
        """Return the folder of its commands."""


def to_tflite(prepared: Path, out: Path, shapes: Mapping[str, Sequence[int]], *, place: Place, time_s: float | None = None) -> None:
    """Write `prepared` as float TFLite to `out`; `shapes` gives each input's shape without its batch of one.

    Raises ModelError when it crashes, takes longer than `time_s`, writes nothing, or moves the axes of an input.
    """
    with tempfile.TemporaryDirectory(prefix="onnx2tf-") as name:
        folder = Path(name)  # it leaves reports and a schema beside its result
        shutil.copyfile(prepared, folder / "model.onnx")
        _run(_command(place, shapes), folder, place, time_s)
        made = folder / "made" / "model_float32.tflite"
        if not made.is_file():
            raise _failed("it ended well and wrote no model_float32.tflite", "")
        _require_inputs(made, shapes)
        shutil.copyfile(made, out)


def require_environment(shell: Shell | None = None) -> Environment:
    """Return the environment of onnx2tf; raise SetupError with the command that makes one, or why none can be made here."""
    found = find(NAME)
    if found is not None:
        return found
    wanted = known()[NAME]
    make = ("make that environment once (700 MB), then convert again:", f"edgekit env create {NAME}")
    stay = ("stay with ONNX, which runs on the same devices:", "edgekit convert ... --to onnx")
    why = (
        f"onnx2tf does that; it needs {wanted.wanted_python} and packages that exclude edgekit's own, so it gets an environment of its own"
    )
    try:
        choose(wanted, named=None, shell=shell or LocalShell())
        do = [make, stay]
    except EdgekitError:
        why += f"; no {wanted.wanted_python} was found on this machine"
        do = [stay, (f"or install a {wanted.wanted_python} (the system's packages, pyenv or uv), then:", make[1])]
    raise SetupError("ONNX is not converted to TFLite here yet", code="environment.onnx2tf", why=why, do=do)


def _command(place: Place, shapes: Mapping[str, Sequence[int]]) -> list[str]:
    return [str(place.bin / "onnx2tf"), "-i", "model.onnx", "-o", "made", "-n", *_ALREADY_SIMPLE, "-kat", *shapes]


def _run(command: Sequence[str], folder: Path, place: Place, time_s: float | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_ITS_OWN}
    environment |= {
        "PATH": f"{place.bin}{os.pathsep}{environment.get('PATH', os.defpath)}",
        "PYTHONNOUSERSITE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    patience = _PATIENCE_S if time_s is None else time_s
    try:
        done = subprocess.run(  # ends with this process: it stays in its group
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            "onnx2tf took too long",
            code="convert.limit",
            why=f"it was ended after {patience:g} s",
            do=[("give it longer:", "edgekit convert ... --timeout 1h"), ("or stay with ONNX:", "edgekit convert ... --to onnx")],
        ) from error
    except OSError as error:
        raise SetupError(
            "the environment of onnx2tf cannot be used",
            code="environment.onnx2tf",
            why=f"{command[0]}: {error.strerror}",
            do=[("make it anew:", "edgekit env create onnx2tf")],
        ) from error
    if done.returncode != 0:
        raise _reason(done)


def _reason(done: subprocess.CompletedProcess[str]) -> EdgekitError:
    """Return why onnx2tf ended badly: its last line that is no progress bar."""
    words = f"{done.stdout}\n{done.stderr}"
    if "requests.exceptions" in words or "ConnectionError" in words:
        why = "it asked the network for sample data, as its versions 1.x do; edgekit converts without a network"
        return SetupError(
            "the environment of onnx2tf holds an old version",
            code="environment.onnx2tf",
            why=why,
            do=[("make it anew:", "edgekit env create onnx2tf")],
            data={"log": words},
        )
    lines = [line.rpartition("\r")[2].strip() for line in words.splitlines()]
    last = next((line for line in reversed(lines) if "Error" in line), next((line for line in reversed(lines) if line), "it said nothing"))
    ended = f"it was ended by signal {-done.returncode}" if done.returncode < 0 else f"it ended with status {done.returncode}"
    return _failed(f"{ended}: {last[:200]}", words)


def _require_inputs(made: Path, shapes: Mapping[str, Sequence[int]]) -> None:
    found = _inputs(made)
    for name, shape in shapes.items():
        wanted = [1, *shape]
        if found.get(name) != wanted:
            raise _failed(f"input {name} {wanted} became {found[name]}" if name in found else f"it lost the input {name}", "")


def _inputs(made: Path) -> dict[str, list[int]]:
    from ai_edge_litert.interpreter import Interpreter

    try:
        reader: Any = Interpreter(str(made)).get_signature_runner()
        return {name: [int(size) for size in detail["shape"]] for name, detail in reader.get_input_details().items()}
    except ValueError as error:
        raise _failed(f"LiteRT cannot open what it wrote: {str(error)[:150]}", "") from error


def _failed(why: str, log: str) -> ModelError:
    return ModelError(
        "onnx2tf could not convert the model",
        code="convert.onnx2tf",
        why=why,
        do=[
            ("stay with ONNX, which has int8 too:", "edgekit convert ... --to onnx"),
            ("or export TFLite from the framework that made the model:", "edgekit convert module:function --to tflite"),
        ],
        data={"log": log} if log else {},
    )
