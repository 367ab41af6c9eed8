"""Measure as CodeCarbon's guide says: a tracker's start and stop, or start_task and stop_task where many windows follow one another."""

from __future__ import annotations

from typing import Any

from benchmarks.scoreboard.tools.stage import Stage

J_PER_KWH = 3.6e6


class CodeCarbon:
    """Hold one tracker for all windows ("task"), or one for each."""

    def __init__(self, task: dict[str, Any]) -> None:
        from codecarbon import OfflineEmissionsTracker

        self._meter, self._by_task, self._number = task["meter"], task.get("codecarbon", "task") == "task", 0
        options = {"country_iso_code": "USA", "output_methods": [], "log_level": "warning", "allow_multiple_runs": True}
        self._new = lambda: OfflineEmissionsTracker(**options, **({"rapl_include_dram": True} if "dram" in task.get("counts", []) else {}))
        self._tracker = self._new() if self._by_task else None

    def begin(self) -> None:
        """Open a window."""
        self._number += 1
        if self._by_task:
            self._tracker.start_task(str(self._number))
        else:
            self._tracker = self._new()
            self._tracker.start()

    def end(self) -> dict[str, Any]:
        """Close it and return what the tool reports."""
        if self._by_task:
            found = self._tracker.stop_task(str(self._number))
        else:
            self._tracker.stop()
            found = self._tracker.final_emissions_data
        return {"reported_j": J_PER_KWH * (found.gpu_energy if self._meter == "nvml" else found.cpu_energy)}


if __name__ == "__main__":
    stage = Stage()
    stage.run(CodeCarbon(stage.task))
