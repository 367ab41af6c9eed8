"""Run every `$ ...` command shown in the documentation and put its real output back: `python docs/refresh.py [FILE.md ...]`.

The lines that start with `$ ` in a ```console block are run by a shell in a scratch folder that holds a finished demo; all blocks of one
run share the folder, in the order of the files. Commands on emulated instruments (`python -m tests...`) run in the repository's folder.
Self-tests that this machine has stored are not used. Machine-dependent parts of paths are the only thing changed in what is shown.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("convert", "models", "bench", "report", "profile", "measure")
PAGES = (ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in NAMES), *sorted((ROOT / "docs" / "targets").glob("*.md")))
BLOCK = re.compile(r"(?ms)^```console\n(.*?)^```$")


def main(names: list[str]) -> None:
    """Refresh the named pages, or all of them."""
    pages = [Path(name).resolve() for name in names] or [page for page in PAGES if page.is_file()]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "edgekit"
        folder.mkdir()
        if any("$ edgekit" in page.read_text(encoding="utf-8") for page in pages):
            run("edgekit demo", folder)
        for page in pages:
            text = page.read_text(encoding="utf-8")
            page.write_text(BLOCK.sub(lambda found: f"```console\n{refresh(found.group(1), folder)}```", text), encoding="utf-8")
            print(f"refreshed {page.relative_to(ROOT)}")


def refresh(block: str, folder: Path) -> str:
    """Return a block with each command followed by what it prints now."""
    commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"$ {command}\n{run(command, folder)}" for command in commands)


def run(command: str, folder: Path) -> str:
    """Return what a command prints on stdout, and on stderr where it fails."""
    own = {"COLUMNS": "110", "NO_COLOR": "1", "EDGEKIT_DATA": str(folder.parent / "data")}
    environment = {**os.environ, **own, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    where = ROOT if command.startswith("python -m tests.") else folder
    done = subprocess.run(command, shell=True, cwd=where, env=environment, capture_output=True, text=True, check=False)
    shown = done.stdout if done.returncode == 0 else done.stdout + done.stderr
    shown = shown.replace(str(folder), "~/edgekit").replace(str(ROOT), "~/edgekit")
    return "".join(f"{line.rstrip()}\n" for line in shown.splitlines())


if __name__ == "__main__":
    main(sys.argv[1:])
