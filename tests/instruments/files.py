"""Describe a folder of files whose contents are computed when they are read."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Content = Callable[[int], bytes]
"""Returns a file's content at a monotonic time in nanoseconds."""


@dataclass(frozen=True)
class File:
    """Hold a file; a `stream` has no position: every read returns the newest content (as a perf event does)."""

    read: Content
    mode: int = 0o444
    stream: bool = False


@dataclass(frozen=True)
class Link:
    """Hold a symbolic link."""

    target: str


Tree = Mapping[str, "File | Link"]
"""Maps paths without a leading slash to what is there; folders follow from the paths. A path that ends in "/" is an empty folder."""


def fixed(text: str | int | bytes, mode: int = 0o444) -> File:
    """Return a file that never changes; text gets the newline that sysfs prints."""
    content = text if isinstance(text, bytes) else f"{text}\n".encode()
    return File(lambda t_ns: content, mode)


def folders(tree: Tree) -> dict[str, dict[str, str]]:
    """Return folder -> (name -> path) for every folder, the root being ""."""
    found: dict[str, dict[str, str]] = {"": {}}
    for path in tree:
        parts = path.rstrip("/").split("/")
        for depth, name in enumerate(parts):
            parent, here = "/".join(parts[:depth]), "/".join(parts[: depth + 1])
            found.setdefault(parent, {})[name] = here
            if depth + 1 < len(parts) or path.endswith("/"):
                found.setdefault(here, {})
    return found


def mode_of(node: File | Link | None) -> int:
    """Return type and permission bits; None is a folder."""
    if node is None:
        return stat.S_IFDIR | 0o755
    return stat.S_IFLNK | 0o777 if isinstance(node, Link) else stat.S_IFREG | node.mode
