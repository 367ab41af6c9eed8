"""Make small files in the formats that importers read, from numbers whose answer is known. Nothing here is taken from anyone's files."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

RATE_HZ = 1000.0
ACTIVE_UJ, REST_UJ = 40.0, 10.0
COUNT = 250
SECONDS = 12.0


def tiny_edges(windows: int = 5, seconds: float = SECONDS) -> list[float]:
    """Return the edges as the older runner writes them: a spare pulse, then two for each window, 1 s apart."""
    edges = [0.02]
    for _ in range(windows):
        edges += [edges[-1] + 1.0, edges[-1] + 1.0 + seconds]
    return [round(edge, 3) for edge in edges]


def tiny_samples(edges: Sequence[float], levels: Sequence[float]) -> list[float]:
    """Return microjoules of each 1 kHz sample: `levels` inside the windows in turn, little outside."""
    samples = [REST_UJ] * (round(edges[-1] * RATE_HZ) + 500)
    for index, level in enumerate(levels):
        first, last = (round(edge * RATE_HZ) for edge in edges[1 + 2 * index : 3 + 2 * index])
        samples[first:last] = [level] * (last - first)
    return samples


def tiny_results(levels: Sequence[float], *, seconds: float = SECONDS, count: int = COUNT) -> str:
    """Return what the older runner prints of these windows."""
    each = [level * seconds * RATE_HZ / count for level in levels]
    lines = []
    for index, joules in enumerate(each):
        lines += [
            f"00010.000 ulp-ml: Energy data for window {2 + 2 * index} at time 1.00 for {seconds:.2f} sec.:",
            f"00010.000 ulp-ml:   Energy       :   {joules * count:.3f} uJ",
            f"00010.000 ulp-ml:   Energy/Inf.  :   {joules:.3f} uJ/inf.",
        ]
    lines += [f"00010.000 ulp-ml: Median energy cost is {sorted(each)[len(each) // 2]:.3f} uJ/inf."]
    for index in range(len(levels)):
        lines += [
            f"00010.000 ulp-ml: Performance results for window {2 + 2 * index}:",
            f"00010.000 ulp-ml:   # Inferences :          {count}",
        ]
    lines += [f"00010.000 ulp-ml: Median throughput is {count / seconds:.3f} inf./sec."]
    return "\n".join(lines) + "\n"


LEVELS = (40.0, 41.0, 39.0, 40.5, 60.0)  # one window far above the rest: the median is 40.5, the mean 44.1
MEDIAN_J = 40.5e-6 * SECONDS * RATE_HZ / COUNT


def trace_bytes(samples: Sequence[float], rate_hz: float = RATE_HZ) -> bytes:
    """Return an energy trace: its mark, the rate, and the samples."""
    return struct.pack(f"<Bf{len(samples)}f", 0xF1, rate_hz, *samples)


def write_tiny(folder: Path, prefix: str = "", *, levels: Sequence[float] = LEVELS, seconds: float = SECONDS) -> Path:
    """Write one energy run of the older runner; return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    edges = tiny_edges(len(levels), seconds)
    (folder / f"{prefix}trace1-energy.bin").write_bytes(trace_bytes(tiny_samples(edges, levels)))
    (folder / f"{prefix}timestamps.json").write_text(json.dumps(edges))
    (folder / f"{prefix}results.txt").write_text(tiny_results(levels, seconds=seconds))
    return folder


def session(levels: Sequence[float] = LEVELS, *, seconds: float = SECONDS, count: int = COUNT) -> list[dict]:
    """Return the trials of the newer runner, joules in each 1 kHz sample."""
    long = round(seconds * RATE_HZ)
    return [
        {
            "file": "input.bin",
            "infer": {"results": [0.5], "total_inferences": 1, "iterations": count, "warmups": 1},
            "power": {
                "samples": [REST_UJ * 1e-6] * 300 + [level * 1e-6] * long + [REST_UJ * 1e-6] * 50,
                "timestamps": [["00", 40], [f"{2 * index + 1:02d}", 300], [f"{2 * index + 2:02d}", 300 + long]],
                "voltage": 3,
            },
            "mode": "e",
        }
        for index, level in enumerate(levels)
    ]


def write_session(folder: Path, prefix: str = "", **changes: object) -> Path:
    """Write one energy run of the newer runner; return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{prefix}results.json").write_text(json.dumps(session(**changes)))  # type: ignore[arg-type]
    (folder / f"{prefix}results.txt").write_text(f"Median energy cost is {MEDIAN_J * 1e6:.4f} uJ/inf.\n")
    return folder


# The power log of a run that draws 100 W at rest and, within its window, power that is known in closed form.
BEGIN = datetime(2024, 3, 5, 14, 2, 0, 250_000)
WINDOW_S = 120.0
REST_W = 100.0
QUERIES = 6000


def steady(_seconds: float) -> float:
    return 200.0


def wave(seconds: float) -> float:
    """Return watts `seconds` after the window began: whole periods, so that their mean is 200 W."""
    return 200.0 + 20.0 * math.sin(2 * math.pi * seconds / 40.0)


def stamp(when: datetime, order: str = "%m-%d-%Y") -> str:
    return when.strftime(f"{order} %H:%M:%S.") + f"{when.microsecond // 1000:03d}"


def spl_lines(
    power: Callable[[float], float] = steady,
    *,
    before_s: int = 20,
    after_s: int = 20,
    shift: timedelta = timedelta(),
    mark: str = "2024-03-05_14-00-00_testing",
    channels: int = 0,
    order: str = "%m-%d-%Y",
    window_s: float = WINDOW_S,
) -> list[str]:
    """Return the lines of a power log at 1 Hz, 0.5 s off the window's edges; `shift` is the meter's clock less the benchmark's."""
    lines = []
    for second in range(-before_s, round(window_s) + after_s):
        t = second + 0.5
        watts = power(t) if 0 < t < window_s else REST_W
        when = stamp(BEGIN + timedelta(seconds=t) + shift, order)
        each = "".join(f",Ch{n + 1},Watts,{watts / channels:.6f},Volts,230.0,Amps,1.0,PF,0.9" for n in range(channels))
        lines.append(f"Time,{when},Watts,{watts:.6f},Volts,230.000000,Amps,1.000000,PF,0.900000,Mark,{mark}{each}")
    return lines


def detail_lines(*, window_s: float = WINDOW_S, scenario: str = "SingleStream", order: str = "%m-%d-%Y", **values: object) -> list[str]:
    """Return a detailed log of LoadGen."""
    entries: Mapping[str, object] = {
        "effective_scenario": scenario,
        "result_query_count": QUERIES,
        "generated_samples_per_query": 1,
        "power_begin": stamp(BEGIN, order),
        "power_end": stamp(BEGIN + timedelta(seconds=window_s), order),
        **values,
    }
    return [f":::MLLOG {json.dumps({'key': key, 'value': value})}" for key, value in entries.items() if value is not None]


def summary_text(
    scenario: str = "SingleStream", *, rate: str = f"QPS w/ loadgen overhead : {QUERIES / WINDOW_S}", valid: str = "VALID"
) -> str:
    return (
        "MLPerf Results Summary\n"
        f"SUT name : MADE\nScenario : {scenario}\nMode     : PerformanceOnly\n{rate}\nResult is : {valid}\n"
        "50.00 percentile latency (ns)   : 19000000\n99.00 percentile latency (ns)   : 25000000\n"
    )


def write_ptdaemon(
    folder: Path, *, spl: Sequence[str] | None = None, detail: Sequence[str] | None = None, summary: str | None = None
) -> Path:
    """Write the logs of one metered run; return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spl.txt").write_text("\n".join(spl_lines() if spl is None else spl) + "\n")
    (folder / "mlperf_log_detail.txt").write_text("\n".join(detail_lines() if detail is None else detail) + "\n")
    (folder / "mlperf_log_summary.txt").write_text(summary_text() if summary is None else summary)
    return folder
