"""Integrate 60 million power samples and compare with numpy.trapezoid over the same chunks; also from a Parquet file, as a run does.

    python benchmarks/integrate/run.py [--samples N] [--check]

The trace has ten measured windows, as a run has, and no gap. Each round runs both in turns over the same arrays; the ratio is the median of
the rounds. The peak memory is that of a process of its own that integrates the same samples from Parquet, chunk by chunk.
With --check the exit status is 1 when the ratio is above 1.5 or the peak above 300 MB.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from edgekit.core.trace import ChunkedTrace, Trace
from edgekit.energy.windows.integrate import Rule, integrate
from edgekit.store.traces import CHUNK_ROWS, open_trace

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.machine import machine

ROUNDS = 5
RATIO, PEAK_MB = 1.5, 300.0
HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
PERIOD_NS = 10_000  # 100 kHz
CHUNK = 1_000_000


def chunk(index: int, rows: int) -> Trace:
    """Return one piece of a trace: noise about a slow wave, the same for the same index."""
    t = (np.arange(rows, dtype=np.int64) + index * CHUNK) * PERIOD_NS
    random = np.random.default_rng(index)
    watts = 5.0 + np.sin(t / 1e9) + 0.05 * random.standard_normal(rows)
    return Trace(channel="c", clock="host", t_ns=t, bracket_ns=np.zeros(rows, np.int64), value=watts, flags=np.zeros(rows, np.uint8))


def spans(samples: int) -> list[tuple[int, int]]:
    """Return ten windows that share out the trace, their edges between samples."""
    edges = [int(samples * PERIOD_NS * tenth / 10) + 3_333 for tenth in range(11)]
    return [(a, b - 6_666) for a, b in itertools.pairwise(edges)]


def one_round(samples: int) -> tuple[float, float, float]:
    """Return seconds of integrate and of numpy.trapezoid over all samples, and how far apart their energies are."""
    ours_s = theirs_s = ours_j = theirs_j = 0.0
    windows = spans(samples)
    for index in range(samples // CHUNK):
        part = chunk(index, CHUNK)
        whole = ChunkedTrace(channel="c", clock="host", rows=CHUNK, chunks=lambda part=part: iter([part]))
        for turn in range(2):
            start = time.perf_counter()
            if turn == index % 2:
                theirs_j += float(np.trapezoid(part.value, part.t_ns)) / 1e9
                theirs_s += time.perf_counter() - start
            else:
                ours_j += sum(found.area for found in integrate(whole, windows, rule=Rule.TRAPEZOID, max_gap_ns=5 * PERIOD_NS)) / 1e9
                ours_s += time.perf_counter() - start
    return ours_s, theirs_s, abs(ours_j / theirs_j - 1)


def peak_from_parquet(samples: int) -> tuple[float, float, float]:
    """Return the peak memory in MB and the seconds of a process that integrates the samples from a file, and the file's size in MB."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.parquet"
        fields = [("t_ns", pa.int64()), ("bracket_ns", pa.int64()), ("value", pa.float64()), ("flags", pa.uint8())]
        schema = pa.schema(fields, metadata={"channel": "c", "clock": "host"})
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for part in parts(samples):
                for start in range(0, len(part), CHUNK_ROWS):
                    rows = slice(start, start + CHUNK_ROWS)
                    writer.write_table(pa.table([getattr(part, name)[rows] for name, _ in fields], schema=schema))
        done = subprocess.run([sys.executable, __file__, "--integrate", path, "--samples", str(samples)], check=True, capture_output=True)
        told = json.loads(done.stdout)
        return told["peak_mb"], told["seconds"], path.stat().st_size / 1e6


def parts(samples: int) -> Iterator[Trace]:
    for index in range(samples // CHUNK):
        yield chunk(index, CHUNK)


def integrate_file(path: Path, samples: int) -> None:
    """Integrate a stored trace and print what it took."""
    start = time.perf_counter()
    found = integrate(open_trace(path), spans(samples), rule=Rule.TRAPEZOID, max_gap_ns=5 * PERIOD_NS)
    seconds = time.perf_counter() - start
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(json.dumps({"peak_mb": peak_mb, "seconds": seconds, "joules": sum(item.area for item in found) / 1e9}))


def page(result: dict[str, object]) -> str:
    return (
        "# Integrating power samples\n\n"
        f"{result['samples']:,} samples in chunks of {CHUNK:,}, ten windows, {ROUNDS} rounds, {result['date']}.\n"
        f"Python {result['python']}, numpy {result['numpy']}, pyarrow {result['pyarrow']}, {result['machine']}.\n"
        "edgekit checks every sample for flags, gaps and missing values, cuts the windows' edges and keeps what the uncertainty needs;\n"
        f"numpy.trapezoid only adds. The limits are {RATIO} and {PEAK_MB:g} MB (`python benchmarks/integrate/run.py --check`).\n\n"
        "| what | value |\n|---|---:|\n"
        f"| edgekit, seconds | {result['edgekit_s']:.3f} |\n"
        f"| numpy.trapezoid, seconds | {result['numpy_s']:.3f} |\n"
        f"| **ratio**, median of the rounds | **{result['ratio']:.2f}** |\n"
        f"| range of the rounds | {min(result['ratios']):.2f} to {max(result['ratios']):.2f} |\n"  # type: ignore[call-overload]
        f"| largest difference in energy | {result['difference']:.1e} |\n"
        f"| from Parquet ({result['file_mb']:.0f} MB), seconds | {result['parquet_s']:.2f} |\n"
        f"| **peak memory** of that process | **{result['peak_mb']:.0f} MB** |\n"
    )


def main() -> int:
    """Measure, write the results, and compare with the limits when asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=60_000_000)
    parser.add_argument("--integrate", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help="exit with status 1 when a limit is broken")
    asked = parser.parse_args()
    if asked.integrate is not None:
        integrate_file(asked.integrate, asked.samples)
        return 0
    rounds = [one_round(asked.samples) for _ in range(ROUNDS)]
    peak_mb, parquet_s, file_mb = peak_from_parquet(asked.samples)
    result: dict[str, object] = {
        "schema": "edgekit.benchmark.integrate/1",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "samples": asked.samples,
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "pyarrow": version("pyarrow"),
        "machine": machine(),
        "edgekit_s": statistics.median(ours for ours, _, _ in rounds),
        "numpy_s": statistics.median(theirs for _, theirs, _ in rounds),
        "ratios": [ours / theirs for ours, theirs, _ in rounds],
        "ratio": statistics.median(ours / theirs for ours, theirs, _ in rounds),
        "difference": max(difference for _, _, difference in rounds),
        "parquet_s": parquet_s,
        "peak_mb": peak_mb,
        "file_mb": file_mb,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "integrate.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "integrate.md").write_text(page(result))
    print((RESULTS / "integrate.md").read_text())
    return int(asked.check and (result["ratio"] > RATIO or peak_mb > PEAK_MB))  # type: ignore[operator]


if __name__ == "__main__":
    sys.exit(main())
