"""Put finished files into the user's folder: all of them whole, or none."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from edgekit.links.files import writing


@contextlib.contextmanager
def writable_folder(folder: Path) -> Iterator[None]:
    """Make sure at once that `folder` can be written, so that no long work is done in vain; raise SetupError otherwise.

    When the context fails, a folder that was made here and is still empty is removed.
    """
    with writing(folder):
        absent = [parent for parent in (folder, *folder.parents) if not parent.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for made in absent:
                made.rmdir()
        raise


def publish(files: Mapping[str, Path | bytes], folder: Path) -> None:
    """Write `files` (name: content, or a file to copy) into `folder`.

    Everything is copied to a hidden folder beside the targets first, so a full disk leaves what was there before. Raises SetupError.
    """
    with writing(folder / next(iter(files), "")):
        staging = Path(tempfile.mkdtemp(dir=folder, prefix=".edgekit-"))
        try:
            for name, content in files.items():
                _copy(content, staging / name)
            for name in files:
                (staging / name).replace(folder / name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _copy(content: Path | bytes, target: Path) -> None:
    with target.open("wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            with content.open("rb") as source:
                shutil.copyfileobj(source, file)
        file.flush()
        os.fsync(file.fileno())
