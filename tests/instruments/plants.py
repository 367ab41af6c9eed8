"""Name a few machines, as specs for the launcher; a caller may change what it likes in the copy that it gets."""

from __future__ import annotations

import copy
from typing import Any

_CPU = {
    "core": {"loads": [{"kind": "constant", "power_w": 4.0}], "active_w": {"cpu": 14.0}},
    "uncore": {"loads": [{"kind": "bursts", "power_w": 2.0, "mean_on_s": 0.03, "mean_off_s": 0.07}]},
    "package": {"loads": [{"kind": "constant", "power_w": 3.0}], "parts": {"core": 1.0, "uncore": 1.0}},
    "dram": {"loads": [{"kind": "constant", "power_w": 1.5}], "active_w": {"cpu": 1.0}},
    "psys": {"loads": [{"kind": "ramp", "from_w": 6.0, "to_w": 7.0, "seconds": 60}], "parts": {"package": 1.05, "dram": 1.0}},
}

LAPTOP = {
    "seed": 11,
    "rails": _CPU,
    "powercap": {
        "zones": [
            {"name": "package-0", "rail": "package", "zones": [{"name": n, "rail": n} for n in ("core", "uncore", "dram")]},
            {"name": "psys", "rail": "psys"},
        ],
        "mmio": [{"name": "package-0", "rail": "package"}],
    },
}

SERVER = {
    "seed": 12,
    "rails": {
        f"{rail}-{socket}": {"loads": [{"kind": "constant", "power_w": watts + socket}], "active_w": {"cpu": active}}
        for socket in (0, 1)
        for rail, watts, active in (("package", 60.0, 20.0), ("dram", 10.0, 2.0))
    },
    "powercap": {
        "zones": [
            {"name": f"package-{socket}", "rail": f"package-{socket}", "zones": [{"name": "dram", "rail": f"dram-{socket}"}]}
            for socket in (0, 1)
        ],
    },
    "perf": {"sockets": [{"cpu": 18 * s, "events": {"energy-pkg": f"package-{s}", "energy-ram": f"dram-{s}"}} for s in (0, 1)]},
}

AMD = {
    "seed": 13,
    "rails": {
        "core": {"loads": [{"kind": "constant", "power_w": 10.0}], "active_w": {"cpu": 15.0}},
        "package": {"loads": [{"kind": "constant", "power_w": 20.0}], "parts": {"core": 1.0}},
    },
    "powercap": {
        "unit_nj": 15258,
        "zones": [
            {"name": "package-0-die-0", "rail": "package", "zones": [{"name": "core", "rail": "core"}]},
            {"name": "package-0-die-1", "rail": "package", "mirror": "package-0-die-0"},
        ],
    },
}

GPU = {
    "seed": 14,
    "rails": {
        "gpu-memory": {"loads": [{"kind": "constant", "power_w": 15.0}], "active_w": {"cpu": 20.0}},
        "gpu": {"loads": [{"kind": "constant", "power_w": 55.0}], "active_w": {"cpu": 150.0, "gpu": 400.0}, "parts": {"gpu-memory": 1.0}},
    },
    "nvml": {"gpus": [{"rail": "gpu", "memory_rail": "gpu-memory", "period_s": 0.1, "jitter": 0.01}]},
}

QUARTER = {**GPU, "nvml": {"gpus": [{**gpu, "sampled_fraction": 0.25} for gpu in GPU["nvml"]["gpus"]]}}  # type: ignore[index]

JETSON = {
    "seed": 15,
    "rails": {
        "cpu-gpu": {"loads": [{"kind": "constant", "power_w": 1.0}], "active_w": {"cpu": 4.0}},
        "soc": {"loads": [{"kind": "constant", "power_w": 1.5}]},
        "module": {"loads": [{"kind": "constant", "power_w": 2.5}], "parts": {"cpu-gpu": 1.1, "soc": 1.1}},
    },
    "hwmon": [
        {
            "kind": "ina3221",
            "address": "1-0040",
            "rails": [
                {"label": "VDD_IN", "rail": "module"},
                {"label": "VDD_CPU_GPU_CV", "rail": "cpu-gpu"},
                {"label": "VDD_SOC", "rail": "soc"},
            ],
        }
    ],
}

PI5 = {
    "seed": 16,
    "rails": {
        "vdd-core": {"loads": [{"kind": "constant", "power_w": 0.7}], "active_w": {"cpu": 1.3}},
        "ddr": {"loads": [{"kind": "constant", "power_w": 0.3}], "active_w": {"cpu": 0.2}},
    },
    "pmic": {"rails": {"VDD_CORE": {"rail": "vdd-core", "volts": 0.72}, "DDR_VDD2": {"rail": "ddr", "volts": 1.1}}},
}

NAMES: dict[str, dict[str, Any]] = {
    "laptop": LAPTOP,
    "server": SERVER,
    "amd": AMD,
    "gpu": GPU,
    "quarter": QUARTER,
    "workstation": {**LAPTOP, "rails": {**_CPU, **GPU["rails"]}, "nvml": GPU["nvml"]},  # type: ignore[dict-item]
    "jetson": JETSON,
    "pi5": PI5,
}


def named(name: str) -> dict[str, Any]:
    """Return a copy of a named plant, with its name; raise KeyError."""
    return {"name": name, **copy.deepcopy(NAMES[name])}
