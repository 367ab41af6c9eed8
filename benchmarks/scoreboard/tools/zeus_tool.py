"""Measure as zeus's guide says: a ZeusMonitor, begin_window and end_window."""

from __future__ import annotations

from typing import Any

from benchmarks.scoreboard.tools.stage import Stage


class Zeus:
    """Hold one monitor; without torch there is nothing to synchronise."""

    def __init__(self, task: dict[str, Any]) -> None:
        from zeus.monitor import ZeusMonitor

        self._meter, self._counts = task["meter"], task.get("counts", [])
        self._monitor = ZeusMonitor(gpu_indices=[0] if self._meter == "nvml" else [], cpu_indices=None if self._meter == "rapl" else [])
        self._number = 0

    def begin(self) -> None:
        """Open a window."""
        self._number += 1
        self._monitor.begin_window(str(self._number), sync_execution=False)

    def end(self) -> dict[str, Any]:
        """Close it and return what the tool reports."""
        found = self._monitor.end_window(str(self._number), sync_execution=False)
        if self._meter == "nvml":
            return {"reported_j": float(sum(found.gpu_energy.values()))}
        if self._meter == "jetson":
            return {"reported_j": found.soc_energy.total_energy_mj / 1e3}
        joules = sum((found.cpu_energy or {}).values())
        if "dram" in self._counts:
            joules += sum((found.dram_energy or {}).values())
        return {"reported_j": float(joules)}


if __name__ == "__main__":  # its helpers are spawned: they import this module again
    stage = Stage()
    stage.run(Zeus(stage.task))
