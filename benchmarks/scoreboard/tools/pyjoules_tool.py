"""Measure as pyJoules's guide says: an EnergyMeter on chosen domains."""

from __future__ import annotations

from typing import Any

from benchmarks.scoreboard.tools.stage import Stage


class PyJoules:
    """Hold one meter on the packages (and DRAM where asked for), or on the first GPU."""

    def __init__(self, task: dict[str, Any]) -> None:
        from pyJoules.device import DeviceFactory
        from pyJoules.device.nvidia_device import NvidiaGPUDomain
        from pyJoules.device.rapl_device import RaplDevice
        from pyJoules.energy_meter import EnergyMeter

        self._scale = 1e-3 if task["meter"] == "nvml" else 1e-6  # mJ of a GPU, µJ of RAPL
        if task["meter"] == "nvml":
            domains = [NvidiaGPUDomain(0)]
        else:
            domains = RaplDevice.available_package_domains()
            domains += RaplDevice.available_dram_domains() if "dram" in task.get("counts", []) else []
        self._meter = EnergyMeter(DeviceFactory.create_devices(domains))

    def begin(self) -> None:
        """Open a window."""
        self._meter.start(tag="window")

    def end(self) -> dict[str, Any]:
        """Close it and return what the tool reports."""
        self._meter.stop()
        return {"reported_j": self._scale * sum(self._meter.get_trace()[0].energy.values())}


if __name__ == "__main__":
    stage = Stage()
    stage.run(PyJoules(stage.task))
