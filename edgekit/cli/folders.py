"""Name folders as a user types them."""

from __future__ import annotations

from pathlib import Path


def from_here(folder: Path) -> Path:
    """Return a folder as seen from the working directory, for commands that are printed to be pasted there."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
