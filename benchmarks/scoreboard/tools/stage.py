"""Play one scenario in front of one tool, on the plant that EDGEKIT_PLANT names. Runs in the tool's own environment.

A tool is a class with `begin()` and `end()`; `end` returns a dict with "reported_j" (None where the tool gives no figure, with "reason"),
and what the tool said meanwhile is collected as warnings. The load is the plant's channel "load", in watts.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import random
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from tests.instruments.plantfile import Plant

SOON_NS = 300_000
WORDS = ("warn", "too short", "error", "not supported", "short for")


class Stage:
    """Hold one task: the scenario's play, and the plant that it drives."""

    def __init__(self) -> None:
        self.task: dict[str, Any] = json.loads(sys.argv[1])
        self.out = Path(sys.argv[2])
        self.plant = Plant(Path(os.environ["EDGEKIT_PLANT"]))
        self._draw = random.Random(self.task["seed"])
        self._heard: list[str] = []
        handler = logging.Handler(logging.WARNING)
        handler.emit = lambda record: self._heard.append(f"{record.name}: {record.getMessage()}")  # type: ignore[method-assign]
        logging.getLogger().addHandler(handler)
        warnings.showwarning = lambda message, *rest, **more: self._heard.append(str(message))  # type: ignore[assignment]
        warnings.simplefilter("always")
        for about_code in (DeprecationWarning, PendingDeprecationWarning, ResourceWarning):  # and not about what was measured
            warnings.simplefilter("ignore", about_code)

    def run(self, tool: Any) -> None:
        """Play the task's trials and write what the tool reported beside the moments at which the work began and ended."""
        trials = []
        self._rest()
        time.sleep(0.3)
        if self.task.get("warm", True):
            tool.begin()
            time.sleep(self.task.get("warm_s", 0.02))
            tool.end()
        for _ in range(self.task["trials"]):
            time.sleep(self._draw.uniform(*self.task.get("pause_s", (0.05, 0.25))))
            self._approach()
            trials.append(self._trial(tool))
        self.out.write_text(json.dumps(trials))

    def _trial(self, tool: Any) -> dict[str, Any]:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            tool.begin()
            self._heard.clear()  # what is said before the window (about accounts, countries, other meters) is not about its energy
            said.truncate(said.seek(0))
            start_ns, end_ns = self._play()
            found = tool.end()
        heard = [*self._heard, *(line for line in said.getvalue().splitlines() if any(word in line.lower() for word in WORDS))]
        return {**found, "start_ns": start_ns, "end_ns": end_ns, "warnings": heard}

    def _play(self) -> tuple[int, int]:
        """Draw each step's watts for its seconds; return when this was called and when the process woke after the last step.

        All steps are written down before the first begins, so that the power changes at the very moments that the play names.
        """
        called_ns = time.monotonic_ns()
        start_ns = due_ns = called_ns + SOON_NS
        for watts, seconds in self.task["play"]:
            self.plant.channels["load"].append(watts, due_ns)
            due_ns += round(seconds * 1e9)
        self._rest(due_ns)
        while time.monotonic_ns() < start_ns:
            continue
        while (left_ns := due_ns - time.monotonic_ns()) > 0:
            time.sleep(left_ns / 1e9)
        return called_ns, time.monotonic_ns()

    def _rest(self, at_ns: int | None = None) -> None:
        self.plant.channels["load"].append(self.task.get("rest_w", 0.0), at_ns)

    def _approach(self) -> None:
        """Burn energy until the register is `wrap_left_j` joules before its wrap."""
        if "wrap_left_j" not in self.task:
            return
        rail, load = self.task["wrap_rail"], self.plant.channels["load"]
        load.append(500.0)
        while self.task["wrap_in_j"] - self.plant.rails.total_j(rail, time.monotonic_ns()) > self.task["wrap_left_j"]:
            time.sleep(0.001)
        load.append(0.0)
        time.sleep(0.01)
