"""Read NVIDIA GPU boards through NVML: the energy counter where the board has one, and the instant power field beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, MeterSpec
from edgekit.meters.base import channel_of, driver_of, identity_of, origin_of, require_usable

_BOUNDARY = {"gpu": Boundary.GPU_BOARD, "gpu_module": Boundary.GPU_MODULE, "gpu_memory": Boundary.GPU_MEMORY}


class NvmlMeter:
    """Interpret the NVML channels that the runner found: millijoules since the driver was loaded, and milliwatts.

    How often the counter moves is 20 to 100 ms by model and documented nowhere, so it stays unknown until a self-test finds it.
    """

    kind = "nvml"
    counter = "nvml"

    def spec(self, probe: Mapping[str, Any]) -> MeterSpec:
        """Return the spec; raise HardwareError when there is no GPU, or it is split (MIG)."""
        require_usable(self.kind, probe)
        channels = tuple(
            channel_of(row, meter=self.kind, boundary=_BOUNDARY[row.get("domain", "gpu")], origin=origin_of(probe))
            for row in probe["channels"]
        )
        return MeterSpec(
            kind=self.kind,
            channels=channels,
            # NVIDIA documents no accuracy for boards since Maxwell; 5 % is what independent comparisons with external meters found in
            # steady state (Yang, Adamek, Armour, SC'24, arXiv:2312.02741; quoted, not checked by us), so it is a standard uncertainty here.
            accuracy=Accuracy(gain_rel=0.05, source="assumed 5 % after arXiv:2312.02741; NVIDIA documents none", verified=False),
            nominal_hz=10.0,
            integrating=all(channel.averaging_s is not None or channel.unit == "J" for channel in channels),
            max_power_w=2000.0,  # above any board that is sold today (a GB200 superchip's GPU: 1200 W)
            detail=_board(probe["channels"][0]),
            identity=identity_of(probe),
            driver=driver_of(probe),
        )


def _board(channel: Mapping[str, Any]) -> str:
    return f"{channel.get('gpu', 'GPU')}, driver {channel.get('driver', 'unknown')}"
