"""Say what is measured: the defects D1 to D13 that were found in published tools, and plain windows of several lengths.

Each row has a plant, a play ((watts, seconds) on the channel "load", one after the other), the rails whose energy is the truth, and the
boundaries at which edgekit's figure is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ALL = ("zeus", "codecarbon", "pyjoules", "carbontracker", "edgekit", "edgekit-tick")
WRAP_IN_J = 700.0
"""Enough for every tool to start and warm up before its register wraps."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Describe one row of the scoreboard. `fresh` starts a new process for each trial; `not_run` says why a tool has no cell."""

    name: str
    what: str
    plant: dict[str, Any]
    meter: str
    play: list[tuple[float, float]]
    rails: tuple[str, ...]
    counts: tuple[str, ...]
    trials: int
    task: dict[str, Any] = field(default_factory=dict)
    fresh: bool = False
    not_run: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Return how long one window lasts."""
        return sum(seconds for _, seconds in self.play)


def cpu(
    *, zones: int = 1, idle_w: float = 0.0, bursts: bool = False, dram: bool = False, psys: bool = False, **options: Any
) -> dict[str, Any]:
    """Return a plant with RAPL: the load is shared by the sockets; `options` go to every package's zone."""
    rails: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for socket in range(zones):
        loads: list[dict[str, Any]] = [{"kind": "constant", "power_w": idle_w + socket}]
        if bursts:
            loads.append({"kind": "bursts", "power_w": 30, "mean_on_s": 0.02, "mean_off_s": 0.03})
        rails[f"package-{socket}"] = {"loads": loads, "active_w": {"load": 1.0 / zones}}
        rows.append({"name": f"package-{socket}", "rail": f"package-{socket}", **options, "zones": []})
        if dram:
            rails[f"dram-{socket}"] = {"loads": [{"power_w": 1.0}], "active_w": {"load": 0.2 / zones}}
            rows[-1]["zones"].append({"name": "dram", "rail": f"dram-{socket}"})
    if psys:
        rails["psys"] = {"loads": [{"power_w": 6.0}], "parts": {"package-0": 1.05}}
        rows.append({"name": "psys", "rail": "psys"})
    return {"seed": 21, "rails": rails, "powercap": {"zones": rows}}


def gpu(*loads: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Return a plant with one GPU; `options` go to its sensor."""
    rail = {"loads": list(loads) or [{"power_w": 0.0}], "active_w": {"load": 1.0}}
    return {"seed": 22, "rails": {"gpu": rail}, "nvml": {"gpus": [{"rail": "gpu", "period_s": 0.1, "jitter": 0.01, **options}]}}


def wave(period_s: float, phase: float = 0.0) -> dict[str, Any]:
    """Return a load that switches between 70 W and 400 W."""
    return {"kind": "square", "low_w": 70.0, "high_w": 400.0, "period_s": period_s, "phase": phase}


JETSON = {
    "seed": 23,
    "rails": {"module": {"loads": [{"power_w": 2.0}], "active_w": {"load": 1.0}}},
    "hwmon": [{"kind": "ina3221", "address": "1-0040", "period_s": 0.01, "rails": [{"label": "VDD_IN", "rail": "module"}]}],
    "files": {"/etc/nv_tegra_release": "# R36 (release), REVISION: 4.3\n"},
    "stubs": {"uname": "#!/bin/sh\necho aarch64\n"},
}
"""zeus takes a machine for a Jetson when `uname -p` says aarch64 and /etc/nv_tegra_release is there."""

_EPOCHS = {"carbontracker": "its unit is an epoch of at least a second"}
_RAPL = {"rails": ("package-0",), "counts": ("cpu_package",), "meter": "rapl"}
_GPU = {"rails": ("gpu",), "counts": ("gpu_board",), "meter": "nvml"}
_NO_COUNTER = dict.fromkeys(("codecarbon", "pyjoules"), "this GPU has no energy counter, and the tool reads nothing else")
_NO_JETSON = dict.fromkeys(("codecarbon", "pyjoules", "carbontracker"), "the tool does not read Jetson's rails")


def _wrap(seconds: float, watts: float, before_end_s: float) -> dict[str, Any]:
    return {"wrap_rail": "package-0", "wrap_in_j": WRAP_IN_J, "wrap_left_j": watts * (seconds - before_end_s)}


def rows() -> list[Row]:
    """Return every row, the defects first."""
    old = {"plant": gpu(has_energy=False, name="Emulated P100", architecture=4), "trials": 3, "not_run": _NO_COUNTER, **_GPU}
    wrapping = cpu(idle_w=1.0, wrap_in_j=WRAP_IN_J)
    defects = [
        Row(name="D1", what="50 W flat, 10 s, GPU without energy counter", play=[(50, 10)], **old),
        Row(name="D2", what="30 W for 9 s, then 300 W for 1 s, same GPU", play=[(30, 9), (300, 1)], **old),
        Row(name="D3", what="300 W for 5 s, then 30 W for 5 s, same GPU", play=[(300, 5), (30, 5)], **old),
        Row(name="D4", what="3.5 s at 100 W, closed 50 ms after RAPL's wrap", plant=wrapping, play=[(99, 3.5)], trials=3, fresh=True,
            task=_wrap(3.5, 100, 0.05), **_RAPL),
        *(
            Row(name=f"D5 {round(1e3 * s)} ms", what="10 W flat on a Jetson", plant=JETSON, meter="jetson", play=[(8, s)],
                rails=("module",), counts=("module",), trials=10, not_run=_NO_JETSON, task={"rest_w": 8.0})
            for s in (0.02, 0.05, 0.3, 1.0)
        ),
        *(
            Row(name=f"D6 {round(1e3 * s)} ms", what="70/400 W square wave, counter of 100 ms", plant=gpu(wave(0.17)), play=[(0, s)],
                trials=n, not_run=_EPOCHS, **_GPU)
            for s, n in ((0.05, 20), (0.25, 20))
        ),
        Row(name="D7", what="5 s, sensor looks 25 of 100 ms, load in step with it", plant=gpu(wave(0.1), jitter=0.0, sampled_fraction=0.25),
            play=[(0, 5)], trials=3, **_GPU),
        Row(name="D8", what="first window of a process, 5 ms at 80 W", plant=cpu(idle_w=80.0), play=[(0, 0.005)], trials=5, fresh=True,
            task={"warm": False}, not_run=_EPOCHS, **_RAPL),
        Row(name="D9", what="40 ms at 80 W, one tracker for the window", plant=cpu(idle_w=80.0), play=[(0, 0.04)], trials=5,
            task={"codecarbon": "start/stop"}, not_run=_EPOCHS, **_RAPL),
        Row(name="D10", what="two sockets with DRAM, 1 s, DRAM asked for", plant=cpu(zones=2, idle_w=1.0, dram=True), meter="rapl",
            play=[(200, 1)], rails=("package-0", "package-1", "dram-0", "dram-1"), counts=("cpu_package", "dram"), trials=3,
            not_run=_EPOCHS),
        Row(name="D11", what="2 s at 40 W, RAPL wraps in the middle", plant=wrapping, play=[(39, 2)], trials=3, fresh=True,
            task=_wrap(2.0, 40, 1.0), **_RAPL),
        Row(name="D12", what="3.2 s at 50 W, RAPL wraps 0.5 s after the start", plant=wrapping, play=[(49, 3.2)], trials=3, fresh=True,
            task=_wrap(3.2, 50, 2.7), **_RAPL),
        Row(name="D13", what="a laptop with psys, 1 s: joules of the processor", plant=cpu(idle_w=5.0, psys=True), play=[(20, 1)], trials=3,
            not_run=_EPOCHS, **_RAPL),
    ]  # fmt: skip
    lengths = ((0.005, 20), (0.05, 20), (0.5, 8), (5.0, 3))
    plain = [
        *(
            Row(name=f"RAPL {_length(s)}", what="15 W with bursts of 30 W, and 25 W of work", plant=cpu(idle_w=15.0, bursts=True),
                play=[(25, s)], trials=n, not_run={} if s > 1 else _EPOCHS, **_RAPL)
            for s, n in lengths
        ),
        *(
            Row(name=f"GPU {_length(s)}", what="70 W with bursts of 200 W, and 100 W of work", play=[(100, s)], trials=n,
                plant=gpu({"power_w": 70}, {"kind": "bursts", "power_w": 200, "mean_on_s": 0.02, "mean_off_s": 0.03}),
                not_run={} if s > 1 else _EPOCHS, **_GPU)
            for s, n in lengths
        ),
    ]  # fmt: skip
    return [*defects, *plain]


def _length(seconds: float) -> str:
    return f"{seconds:g} s" if seconds >= 1 else f"{1e3 * seconds:g} ms"
