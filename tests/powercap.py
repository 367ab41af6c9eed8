"""Write a powercap tree whose package draws a steady power: in place, so that files which are held open advance."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def drawing(root: Path, watts: float) -> Iterator[Path]:
    """Let one package draw `watts` while the context is open; yield the folder for the option powercap_root."""
    folder = root / "intel-rapl:0"
    folder.mkdir(parents=True)
    for name, text in (("name", "package-0"), ("max_energy_range_uj", "262143328850"), ("energy_uj", f"{0:<20}")):
        (folder / name).write_text(f"{text}\n")
    handle, origin_ns, stop = os.open(folder / "energy_uj", os.O_WRONLY), time.monotonic_ns(), threading.Event()

    def advance() -> None:
        while not stop.wait(0.001):
            os.pwrite(handle, f"{round(watts * (time.monotonic_ns() - origin_ns) / 1e3):<20}\n".encode(), 0)

    writer = threading.Thread(target=advance, daemon=True)
    writer.start()
    try:
        yield root
    finally:
        stop.set()
        writer.join()
        os.close(handle)
