"""Say what a sampler saw of the clocks of GPUs while models ran, and what held them back. Pure.

The sampler looks a few times a second and counts looks at a GPU that does something; see `edgekit/runner/counters/nvml_state.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekit.core.quantity import Note

_KEY = re.compile(r"nvml\.gpu(?P<gpu>\d+)\.(?P<what>looks|sm_clock_(?:min|max|mean)_hz|throttled\.(?P<reason>\w+))")
MOVED = 0.1  # a clock that moves by more than this share of its mean is told
_SAID = {
    "sw_power_cap": "power limit",
    "hw_slowdown": "hardware slowdown",
    "sw_thermal": "heat, by the driver",
    "hw_thermal": "heat, by the hardware",
    "hw_power_brake": "power brake",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuState:
    """Hold what was seen of one GPU: looks, its SM clock in Hz, and how many looks saw each reason to hold it back."""

    gpu: int
    looks: int
    clock_min_hz: float | None = None
    clock_max_hz: float | None = None
    clock_mean_hz: float | None = None
    throttled: Mapping[str, int] = field(default_factory=dict)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return the reasons in words."""
        return tuple(_SAID.get(name, name) for name in sorted(self.throttled))


def gpu_states(sampler: Mapping[str, float]) -> tuple[GpuState, ...]:
    """Return the state of each GPU that a run's sampler looked at."""
    found: dict[int, dict[str, float]] = {}
    reasons: dict[int, dict[str, int]] = {}
    for key, value in sampler.items():
        match = _KEY.fullmatch(key)
        if match is None:
            continue
        gpu = int(match["gpu"])
        if match["reason"]:
            reasons.setdefault(gpu, {})[match["reason"]] = int(value)
        else:
            found.setdefault(gpu, {})[match["what"]] = value
    return tuple(
        GpuState(
            gpu=gpu,
            looks=int(values.get("looks", 0)),
            clock_min_hz=values.get("sm_clock_min_hz"),
            clock_max_hz=values.get("sm_clock_max_hz"),
            clock_mean_hz=values.get("sm_clock_mean_hz"),
            throttled=reasons.get(gpu, {}),
        )
        for gpu, values in sorted(found.items())
    )


def gpu_notes(sampler: Mapping[str, float]) -> list[Note]:
    """Return what the clocks of the GPUs mean for a run's figures."""
    return [note for state in gpu_states(sampler) for note in (_held_back(state), _moved(state)) if note is not None]


def _held_back(state: GpuState) -> Note | None:
    if not state.throttled:
        return None
    seen = ", ".join(
        f"{_SAID.get(name, name)} in {100 * count / max(1, state.looks):.0f} %" for name, count in sorted(state.throttled.items())
    )
    return Note(
        code="run.throttled",
        text=f"GPU {state.gpu} held its clock back ({seen} of the looks at it): time and energy are those of a throttled GPU",
        advice="cool it, or lock its clocks below the limit (nvidia-smi --lock-gpu-clocks), then repeat",
    )


def _moved(state: GpuState) -> Note | None:
    low, high, mean = state.clock_min_hz, state.clock_max_hz, state.clock_mean_hz
    if low is None or high is None or not mean or (high - low) / mean <= MOVED:
        return None
    return Note(
        code="gpu.clock_moved",
        text=f"the clock of GPU {state.gpu} moved between {low / 1e6:.0f} and {high / 1e6:.0f} MHz while it worked",
        advice="lock it for figures that repeat: nvidia-smi --lock-gpu-clocks",
    )
