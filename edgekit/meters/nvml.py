"""Read NVIDIA GPU boards through NVML: the energy counter where the board has one, and the instant power field beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, MeterSpec
from edgekit.meters.reading.base import channel_of, driver_of, identity_of, origin_of, require_usable

_MOST_W = 2000.0  # above any board that is sold today (a GB200 superchip's GPU: 1200 W)
_LEAST_SHARE = 0.25  # A100 and H100 look at a quarter of the time (arXiv:2312.02741, abstract); other boards at all of it
_OVERSHOOT = 1.5  # a board may draw more than its limit until the limit takes hold
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
            replace(
                channel_of(row, meter=self.kind, boundary=_BOUNDARY[row.get("domain", "gpu")], origin=origin_of(probe)),
                least_sampled_fraction=_LEAST_SHARE if row["raw_unit"] == "mJ" else None,
            )
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
            max_power_w=_plausible_w(probe["channels"]),
            detail=_board(probe["channels"][0]),
            identity=identity_of(probe),
            driver=driver_of(probe),
        )


def _plausible_w(channels: Sequence[Mapping[str, Any]]) -> float:
    """Return more watts than any of the boards can draw: it bounds what a part-time sensor may have missed, and tells wraps from resets."""
    limits = [row.get("power_limit_w") for row in channels]
    if any(row.get("domain") == "gpu_module" for row in channels):
        return _MOST_W  # the limit is the board's, the reading holds the processor beside it too
    known = [float(limit) for limit in limits if limit]
    return min(_MOST_W, _OVERSHOOT * max(known)) if known and len(known) == len(limits) else _MOST_W


def _board(channel: Mapping[str, Any]) -> str:
    return f"{channel.get('gpu', 'GPU')}, driver {channel.get('driver', 'unknown')}"
