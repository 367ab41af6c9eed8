"""Decode a PPK2's stream as fast as one core can, and take a stream of 100 000 samples a second through a pseudo-terminal without loss.

    python benchmarks/meters/run.py [--minutes M] [--check]

The stream is that of the emulated PPK2, which runs in a process of its own; the driver runs as in a benchmark and writes every sample to an
Arrow stream on the disk. The peak memory is that of the driver's process. With --check the exit status is 1 when decoding is below 20 times
real time, when a sample is lost, or when the peak is above 200 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from edgekit.core.protocols import ReadingWatch
from edgekit.core.quantity import Note
from edgekit.core.trace import FLAG_GAP, Trace
from edgekit.links.clock import HostClock
from edgekit.links.pty import served
from edgekit.meters.ppk2 import RATE_HZ, Ppk2Meter
from edgekit.meters.ppk2_words import Framer, amperes_by_code, parse_metadata
from edgekit.sim.emulators.instrument import Circuit, OwnClock
from edgekit.sim.emulators.ppk2 import Ppk2
from edgekit.sim.load import square
from edgekit.store.traces import TraceWriter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.machine import machine

TIMES, PEAK_MB, ROUNDS, SECONDS = 20.0, 200.0, 5, 10
RESULTS = Path(__file__).resolve().parent.parent / "results"
VOLTS = 3.3
PIECE = 40_000  # bytes: what 0.1 s brings


class Told(ReadingWatch):
    """Collect what the meter tells."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def note(self, note: Note) -> None:
        """Take a remark."""
        self.codes.append(note.code)

    def gap(self, start_ns: int, end_ns: int) -> None:
        """Take a gap."""
        self.codes.append("gap")

    def failed(self, error: Exception) -> None:
        """Take the end."""
        self.codes.append(str(error))


def emulated(start_ns: int) -> Ppk2:
    """Return a PPK2 on bursts of 80 mW, its clock 30 ppm fast."""
    circuit = Circuit(power=square(0.02, 0.08, 0.1, 0.2), voltage_v=VOLTS, start_ns=start_ns)
    return Ppk2(circuit, clock=OwnClock(offset_ns=10**12, drift=3e-5))


def decoding() -> list[float]:
    """Return how many times faster than it is made a stream of 10 s was decoded, in each round."""
    instrument = emulated(0)
    instrument.hear(b"\x19", 0)
    told = parse_metadata(instrument.say(10**9))
    assert told is not None
    table = amperes_by_code(told.factors, VOLTS)
    instrument.hear(b"\x06", 0)
    data = b"".join(instrument.say(t * 10**9) for t in range(1, SECONDS + 1))
    pieces = [data[i : i + PIECE] for i in range(0, len(data), PIECE)]
    found = []
    for _ in range(ROUNDS):
        framer, start, samples = Framer(), time.process_time(), 0
        for piece in pieces:
            words = framer.feed(piece)
            samples += len(table[words.words & 0x1FFFF])
        found.append(SECONDS / (time.process_time() - start))
        assert samples == SECONDS * RATE_HZ
    return found


def serve(seconds: float) -> None:
    """Serve the emulated PPK2 for so long, and print where."""
    with served(emulated(time.monotonic_ns())) as path:
        print(path, flush=True)
        time.sleep(seconds)


def stream(minutes: float) -> dict[str, object]:
    """Read the emulated PPK2 in another process for so long, and return what came and what it took."""
    seconds = minutes * 60
    peer = subprocess.Popen([sys.executable, __file__, "--serve", str(seconds + 30)], stdout=subprocess.PIPE, text=True)
    assert peer.stdout is not None
    path = peer.stdout.readline().strip()
    samples = gaps = 0
    ends: list[int] = []
    told = Told()
    with tempfile.TemporaryDirectory() as folder:
        writer = TraceWriter(Path(folder), {})

        def sink(readings: object) -> None:
            nonlocal samples, gaps
            if isinstance(readings, Trace) and readings.channel == "ppk2.power":
                writer.append(readings)
                samples, gaps = samples + len(readings), gaps + int((readings.flags & FLAG_GAP > 0).sum())
                ends[:] = [ends[0] if ends else int(readings.t_ns[0]), int(readings.t_ns[-1])]

        meter = Ppk2Meter(path, {"voltage": f"{VOLTS} V"}, clock=HostClock())
        started = time.process_time()
        meter.start(sink, told)
        time.sleep(seconds)
        meter.stop()
        cpu_s = time.process_time() - started
        writer.close()
        size_mb = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
    peer.terminate()
    peer.wait()
    lasted_s = (ends[1] - ends[0]) / 1e9
    return {
        "minutes": minutes,
        "samples": samples,
        "gaps": gaps,
        "told": told.codes,
        "expected": lasted_s * RATE_HZ * (1 + 3e-5),
        "cpu_share": cpu_s / seconds,
        "file_mb": size_mb,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3),
    }


def page(result: dict[str, object]) -> str:
    """Return the results as Markdown."""
    return (
        "# Streaming from a PPK2\n\n"
        f"The emulated PPK2, {RATE_HZ:,} samples a second, {result['date']}; nobody ran this on the instrument itself.\n"
        f"Python {result['python']}, numpy {result['numpy']}, {result['machine']},"
        f" load average {result['load']:.1f}.\n"
        f"The limits are {TIMES:g} times real time, no lost sample, and {PEAK_MB:g} MB"
        " (`python benchmarks/meters/run.py --minutes 10 --check`).\n\n"
        "| what | value |\n|---|---:|\n"
        f"| **decoding**, times real time on one core, median of {ROUNDS} rounds | **{result['times']:.0f}** |\n"
        f"| minutes through a pseudo-terminal, to an Arrow stream on the disk | {result['minutes']:g} |\n"
        f"| samples | {result['samples']:,} |\n"
        f"| **gaps** | **{result['gaps']}** |\n"
        f"| remarks | {', '.join(result['told']) or 'none'} |\n"  # type: ignore[arg-type]
        f"| samples over what the time between the first and the last holds | {result['samples'] / result['expected']:.6f} |\n"  # type: ignore[operator]
        f"| share of one core in the driver's process | {result['cpu_share']:.0%} |\n"
        f"| **peak memory** of the driver's process | **{result['peak_mb']:.0f} MB** |\n"
    )


def main() -> int:
    """Measure, write the results, and compare with the limits when asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help="exit with status 1 when a limit is broken")
    asked = parser.parse_args()
    if asked.serve is not None:
        serve(asked.serve)
        return 0
    streamed = stream(asked.minutes)  # first: decoding holds ten seconds of bytes
    rounds = decoding()
    result: dict[str, object] = {
        "schema": "edgekit.benchmark.meters/1",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "machine": machine(),
        "load": os.getloadavg()[2],
        "times": statistics.median(rounds),
        "rounds": rounds,
        **streamed,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "meters.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "meters.md").write_text(page(result))
    print((RESULTS / "meters.md").read_text())
    broken = result["times"] < TIMES or streamed["gaps"] or streamed["told"] or streamed["peak_mb"] > PEAK_MB  # type: ignore[operator]
    return int(asked.check and bool(broken))


if __name__ == "__main__":
    sys.exit(main())
