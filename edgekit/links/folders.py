"""Find the folder in which edgekit keeps what it found out and what it made for itself."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder(stated: Path | None = None) -> Path:
    """Return EDGEKIT_DATA, else `stated`, else the user's data folder."""
    named = os.environ.get("EDGEKIT_DATA")
    if named:
        return Path(named).absolute()
    if stated is not None:
        return stated
    import platformdirs

    return platformdirs.user_data_path("edgekit")
