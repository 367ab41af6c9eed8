"""Keep a tree of ordinary files up to date by writing in place: what serves where FUSE or a mount namespace cannot be had.

A file is overwritten with one pwrite of constant width, so that no reader sees an empty or a torn file and a kept-open descriptor
advances. It says what a FUSE tree says, but only as often as the writer gets its turn, and it stands in a folder of its own: readers must
be told the root.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.instruments.files import File, Link, Tree

PERIOD_S = 0.001


def lay_out(folder: Path, tree: Tree) -> None:
    """Write folders, links and every file's content of now."""
    for path, node in tree.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(node, Link):
            place.symlink_to(node.target)
        elif not node.stream:
            place.write_bytes(node.read(time.monotonic_ns()))
            place.chmod(node.mode)


def keep(folder: Path, tree: Tree) -> None:
    """Rewrite for ever the files whose content changes."""
    held = {path: node for path, node in tree.items() if isinstance(node, File) and not node.stream}
    written = {path: (folder / path).read_bytes() for path in held}
    moving = {path: os.open(folder / path, os.O_WRONLY) for path, node in held.items() if _moves(node)}
    while True:
        for path, handle in moving.items():
            content = held[path].read(time.monotonic_ns())
            if content != written[path]:
                written[path] = content.rstrip(b"\n").ljust(len(written[path]) - 1) + b"\n"
                os.pwrite(handle, written[path], 0)
        time.sleep(PERIOD_S)


def _moves(node: File) -> bool:
    now = time.monotonic_ns()
    return node.read(now) != node.read(now + 3_600_000_000_000)
