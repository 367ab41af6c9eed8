"""Compile the emulated libnvidia-ml.so.1."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.instruments.plantfile import header

SOURCE = Path(__file__).with_name("nvml.c")


class NoCompiler(Exception):
    """Say that the library cannot be built here."""


def library(cache: Path | None = None) -> Path:
    """Return the folder that holds libnvidia-ml.so.1, compiled once per version of its source; raise NoCompiler where there is no cc."""
    layout = header()
    mark = hashlib.sha256(SOURCE.read_bytes() + layout.encode()).hexdigest()[:16]
    folder = (cache or Path(tempfile.gettempdir()) / f"edgekit-instruments-{os.getuid()}") / mark
    if (folder / "libnvidia-ml.so.1").is_file() and folder.stat().st_uid == os.getuid():
        return folder
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise NoCompiler("no C compiler (cc) is installed: sudo apt-get install gcc libc6-dev")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=folder) as build:
        (Path(build) / "plant.h").write_text(layout)
        target = Path(build) / "libnvidia-ml.so.1"
        flags = ["-shared", "-fPIC", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-pthread"]
        subprocess.run([compiler, *flags, f"-I{build}", str(SOURCE), "-o", str(target)], check=True)
        target.replace(folder / target.name)  # whole or not at all: several tests may build at once
    return folder
