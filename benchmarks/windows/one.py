"""Open and close empty windows with one tool: `one.py TOOL`. A line N on stdin asks for N windows; the answer is their seconds as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

Step = Callable[[], object]


def edgekit(align: str | None) -> tuple[Callable[[], tuple[Step, Step]], str]:
    from edgekit.api import measure

    def window() -> tuple[Step, Step]:
        region = measure("w", meter="rapl", align=align)
        return region.__enter__, lambda: region.__exit__(None, None, None)

    return window, version("edgekit")


def zeus() -> tuple[Callable[[], tuple[Step, Step]], str]:
    from zeus.monitor import ZeusMonitor

    monitor = ZeusMonitor(gpu_indices=[])
    return lambda: (lambda: monitor.begin_window("w"), lambda: monitor.end_window("w")), version("zeus")


def codecarbon() -> tuple[Callable[[], tuple[Step, Step]], str]:
    from codecarbon import OfflineEmissionsTracker

    tracker = OfflineEmissionsTracker(country_iso_code="DEU", save_to_file=False, log_level="critical", allow_multiple_runs=True)
    names = iter(f"w{number}" for number in range(10**9))

    def window() -> tuple[Step, Step]:
        name = next(names)
        return lambda: tracker.start_task(name), lambda: tracker.stop_task(name)

    return window, version("codecarbon")


TOOLS = {"edgekit": lambda: edgekit(None), "edgekit-tick": lambda: edgekit("tick"), "zeus": zeus, "codecarbon": codecarbon}


def main(tool: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a tool prints is not an answer
    window, found = TOOLS[tool]()
    opened, closed = window()
    began = time.perf_counter()
    opened()
    first_s = time.perf_counter() - began  # opens files and starts helpers; not part of the windows that are compared
    closed()
    print(json.dumps({"version": found, "first_s": first_s}), file=answers, flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            opened, closed = window()
            began = time.perf_counter()
            opened()
            inside = time.perf_counter()
            closed()
            times.append((inside - began, time.perf_counter() - inside))
        print(json.dumps(times), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
