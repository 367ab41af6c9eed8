"""Write wheels small enough to install in a moment, so that pip needs no network."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path


def wheel(folder: Path, name: str, version: str, *, modules: Mapping[str, str] = {}, command: str | None = None) -> Path:
    """Write NAME-VERSION-py3-none-any.whl with `modules` (path: source); `command` MODULE:FUNCTION becomes the program NAME."""
    stem = f"{name.replace('-', '_').replace('.', '_')}-{version}"
    files = {
        **modules,
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if command:
        files[f"{stem}.dist-info/entry_points.txt"] = f"[console_scripts]\n{name} = {command}\n"
    record = f"{stem}.dist-info/RECORD"
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in files.items():
            archive.writestr(inner, text)
        archive.writestr(record, "".join(f"{inner},,\n" for inner in [*files, record]))
    return path


def offline(folder: Path) -> dict[str, str]:
    """Return the environment in which pip takes packages from `folder` and nowhere else, whatever this machine's settings say."""
    return {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONSTRAINT": "", "PIP_CERT": ""}
