"""Measure as carbontracker's guide says: one epoch; its printed energy is divided by the data-centre overhead that it adds."""

from __future__ import annotations

import re
from typing import Any

from benchmarks.scoreboard.tools.stage import Stage

J_PER_KWH = 3.6e6


class CarbonTrackerTool:
    """Hold a tracker per window: a tracker ends with its last epoch."""

    def __init__(self, task: dict[str, Any]) -> None:
        self._component = "gpu" if task["meter"] == "nvml" else "cpu"
        self._tracker: Any = None
        self._said: list[str] = []

    def begin(self) -> None:
        """Open a window."""
        from carbontracker.tracker import CarbonTracker

        said = self._said
        said.clear()
        self._tracker = CarbonTracker(epochs=1, epochs_before_pred=0, components=self._component, verbose=1, interpretable=False)
        logger, output = self._tracker.logger, self._tracker.logger.output
        logger.output = lambda text, *rest, **more: (said.append(text), output(text, *rest, **more))
        self._tracker.epoch_start()

    def end(self) -> dict[str, Any]:
        """Close it and return what the tool reports."""
        from carbontracker import constants

        self._tracker.epoch_end()
        (kwh,) = re.findall(r"Energy:\s*([\d.naif+-]+) kWh", "\n".join(self._said))
        return {"reported_j": J_PER_KWH * float(kwh) / constants.PUE_2023}


if __name__ == "__main__":
    stage = Stage()
    stage.run(CarbonTrackerTool(stage.task))
