"""Make of a .pt2 program what a device may load: the same graph and tensors, with nothing in the file that could run code."""

from __future__ import annotations

from pathlib import Path

from edgekit.converters.pt2_file import harmless
from edgekit.links.files import write_atomic


def plain_copy(path: Path, sha256: str, cache_dir: Path | None = None) -> Path:
    """Return a copy of the program at `path` in the user's cache, named after its `sha256`; raise ModelError for one that carries code."""
    copy = (cache_dir or _default_cache()) / f"{path.stem}-{sha256[:12]}.pt2"
    if not copy.is_file():
        write_atomic(copy, harmless(path).getvalue())
    return copy


def _default_cache() -> Path:
    """Return a folder of this version's own: what an earlier one let through is looked at again."""
    from importlib.metadata import version

    import platformdirs

    return platformdirs.user_cache_path("edgekit") / "pt2" / version("edgekit")
