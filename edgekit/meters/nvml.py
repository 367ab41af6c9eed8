"""Read NVIDIA GPU boards through NVML: the energy counter where the board has one, and the instant power field beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.meters.base import origin_of, require_usable


class NvmlMeter:
    """Interpret the NVML channels that the runner found: millijoules since the driver was loaded, and milliwatts."""

    kind = "nvml"
    counter = "nvml"

    def spec(self, probe: Mapping[str, Any]) -> MeterSpec:
        """Return the spec; raise HardwareError when there is no GPU, or it is split (MIG)."""
        require_usable(self.kind, probe)
        channels = tuple(
            Channel(
                id=item["id"],
                meter=self.kind,
                boundary=Boundary.GPU_BOARD,
                measurand=Measurand.ENERGY_COUNTER if item["raw_unit"] == "mJ" else Measurand.POWER,
                unit="J" if item["raw_unit"] == "mJ" else "W",
                origin=origin_of(probe),
                scale=1e-3,
                quantum=1.0,
            )
            for item in probe["channels"]
        )
        return MeterSpec(
            kind=self.kind,
            channels=channels,
            # NVIDIA documents no accuracy for boards since Maxwell; 5 % is what independent comparisons with external meters found in
            # steady state (Yang, Adamek, Armour, SC'24, arXiv:2312.02741; quoted, not checked by us), so it is a standard uncertainty here.
            accuracy=Accuracy(gain_rel=0.05, source="assumed 5 % after arXiv:2312.02741; NVIDIA documents none", verified=False),
            nominal_hz=10.0,
            max_power_w=2000.0,
            detail=_board(probe["channels"][0]),
        )


def _board(channel: Mapping[str, Any]) -> str:
    return f"{channel.get('gpu', 'GPU')}, driver {channel.get('driver', 'unknown')}"
