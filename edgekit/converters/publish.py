"""Put finished files into the user's folder: all of them whole, or none."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from edgekit.converters.base import RECIPES, mixed
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


def leftovers(folder: Path, name: str, written: Collection[str], *, source_sha256: str, samples_sha256: str | None) -> list[str]:
    """Return the artifacts called `name` in `folder`, with their samples, that an earlier conversion left beside those `written` now.

    Those of the same source with the same samples belong to the new ones and are not returned.
    """
    known = {f"{name}.{made.key}" for recipe in RECIPES for made in (recipe, mixed(recipe))}
    stale = []
    for record in sorted(folder.glob(f"{glob.escape(name)}.*.json")):
        artifact = record.name.removesuffix(".json")
        if artifact in written or artifact not in known:
            continue
        try:
            said = json.loads(record.read_text(encoding="utf-8"))
            belongs = (said["source"]["sha256"], said["samples_sha256"]) == (source_sha256, samples_sha256)
        except (OSError, ValueError, LookupError, TypeError):
            belongs = False
        stale += [] if belongs else [artifact]
    samples = f"{name}.samples.npz"
    return [*stale, samples] if samples not in written and (folder / samples).exists() and samples_sha256 is None else stale


def _copy(content: Path | bytes, target: Path) -> None:
    with target.open("wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            with content.open("rb") as source:
                shutil.copyfileobj(source, file)
        file.flush()
        os.fsync(file.fileno())
