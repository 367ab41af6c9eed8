"""Read the samples of MLPerf Tiny energy runs and the edges of their windows, both generations of files.

trace1-energy.bin    byte 0xF1, sample rate (float32), then microjoules of each sample (float32), little endian
timestamps.json      seconds of falling edges; the first is a spare pulse, windows lie between the second and third, fourth and fifth, ...
results.json         one entry per trial: joules of each 1 kHz sample, and [event, sample] edges of which the last two bound the window
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.core.errors import UsageError
from edgekit.importers.base import garbled, require_readable, text_of
from edgekit.importers.figures import MOST, count, finite
from edgekit.links.files import reading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAGIC, _HEADER = 0xF1, 5
_LATEST_S = 1e9
SESSION_HZ = 1000.0  # the newer runner always stores 1 kHz samples, whatever its monitor delivered


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Hold one window as [first, last) sample of its capture; `number` is how results.txt calls it."""

    number: int
    first: int
    last: int
    inferences: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Capture:
    """Hold one unbroken series of samples, each the energy of 1/rate_hz seconds; a sample times `joules` is in joules."""

    samples: NDArray[np.float64]
    rate_hz: float
    joules: float
    stretches: tuple[Stretch, ...]


def read_trace(trace: Path, timestamps: Path) -> Capture:
    """Return the samples of trace1-energy.bin with the windows that timestamps.json bounds."""
    import numpy as np

    require_readable(trace, "trace")
    with reading(trace, "trace"):
        head = np.fromfile(trace, dtype=np.uint8, count=_HEADER)
    size = trace.stat().st_size
    if size and head[0] != _MAGIC:
        raise garbled(trace, "trace", f"its first byte is 0x{head[0]:02X}, and 0xF1 marks an energy trace")
    if size <= _HEADER or (size - _HEADER) % 4:
        raise UsageError(
            f"trace {trace} is cut off",
            code="import.truncated",
            why=f"{size} bytes: after a head of {_HEADER} bytes, {max(0, size - _HEADER) % 4} are left over from samples of 4",
            do=[("copy it again from where it was published", "")],
        )
    rate_hz = float(head[1:].view("<f4")[0])
    if not 0.1 <= rate_hz <= 1e7:  # written so that NaN is refused too
        raise garbled(trace, "trace", f"its sample rate reads {rate_hz:g} Hz")
    samples = np.fromfile(trace, dtype="<f4", offset=_HEADER).astype(np.float64)
    return Capture(samples=samples, rate_hz=rate_hz, joules=1e-6, stretches=_stretches(timestamps, rate_hz))


def _stretches(path: Path, rate_hz: float) -> tuple[Stretch, ...]:
    edges = _json(path, "list of edges")
    if not isinstance(edges, list) or not all(_is_sample(item) for item in edges):
        raise garbled(path, "list of edges", "it is not a list of seconds")
    if any(finite(edge, _LATEST_S) is None or edge < 0 for edge in edges):
        raise garbled(path, "list of edges", "an edge is no time after the start of the trace")
    if len(edges) < 3 or len(edges) % 2 == 0:
        raise _edges(path, f"{len(edges)} edges: one spare pulse and two for each window make an odd number, three at least")
    for number, (one, other) in enumerate(pairwise(edges)):
        if other <= one:
            raise _edges(path, f"edge {number + 2} at {other:g} s does not come after the one at {one:g} s")
    places = [round(edge * rate_hz) for edge in edges]
    stretches = [Stretch(number=end, first=places[end - 1], last=places[end]) for end in range(2, len(places), 2)]
    if any(item.last <= item.first for item in stretches):
        raise _edges(path, "a window is shorter than one sample")
    return tuple(stretches)


def read_session(path: Path) -> list[Capture]:
    """Return the trials of a results.json, each with its one window; raise UsageError where it holds no energy."""
    import numpy as np

    trials = _json(path, "session")
    if not isinstance(trials, list) or not trials:
        raise garbled(path, "session", "it is not a list of trials")
    found = []
    for number, trial in enumerate(trials):
        where = f"trial {number}"
        power = trial.get("power") if isinstance(trial, dict) else None
        if not isinstance(power, dict) or trial.get("mode", "e") != "e":
            raise UsageError(
                f"session {path} is not of an energy run",
                code="import.not_energy",
                why=f"{where} has no power samples: performance and accuracy runs are not metered",
                do=[("look for the energy run of the same submission:", f"ls {shlex.quote(str(path.absolute().parent.parent))}")],
            )
        samples, edges = power.get("samples"), power.get("timestamps")
        if not isinstance(samples, list) or not samples or not all(_is_sample(item) for item in samples):
            raise garbled(path, "session", f"the samples of {where} are not a list of joules")
        first, last = _bounds(path, where, edges)
        stretch = Stretch(number=number, first=first, last=last, inferences=_iterations(trial))
        found.append(Capture(samples=np.asarray(samples, np.float64), rate_hz=SESSION_HZ, joules=1.0, stretches=(stretch,)))
    return found


def _bounds(path: Path, where: str, edges: Any) -> tuple[int, int]:
    if not isinstance(edges, list) or not all(_is_edge(edge) for edge in edges):
        raise garbled(path, "session", f"the timestamps of {where} are not [event, sample] pairs")
    if len(edges) < 2:
        raise _edges(path, f"{where} has {len(edges)} edges, and a window has two")
    first, last = (int(edge[1]) for edge in edges[-2:])
    if not 0 <= first < last:
        raise _edges(path, f"the window of {where} goes from sample {first} to {last}")
    return first, last


def _iterations(trial: dict[str, Any]) -> int | None:
    infer = trial.get("infer")
    if not isinstance(infer, dict):
        return None
    repeats, inputs = count(infer.get("iterations")), count(infer.get("total_inferences", 1))
    return None if repeats is None or inputs is None else count(repeats * inputs)


def _is_edge(edge: Any) -> bool:
    return isinstance(edge, list) and len(edge) == 2 and isinstance(edge[1], int) and finite(edge[1], MOST) is not None


def _is_sample(item: Any) -> bool:
    return isinstance(item, float) or finite(item) is not None  # NaN and infinity are the fault of one window, see `faults`


def _json(path: Path, what: str) -> Any:
    text = text_of(path, what)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise garbled(path, what, f"it is not JSON: {error}") from error


def _edges(path: Path, why: str) -> UsageError:
    return UsageError(
        f"the edges in {path} bound no windows", code="import.edges", why=why, do=[("look at them:", f"cat {shlex.quote(str(path))}")]
    )


def faults(capture: Capture, stretch: Stretch, most_j: float) -> str | None:
    """Return why the samples of a window cannot be used, None when they can; `most_j` is the most that one sample can plausibly hold."""
    import numpy as np

    held = len(capture.samples)
    if stretch.last > held:
        return f"it ends at {stretch.last / capture.rate_hz:.3f} s, and the trace at {held / capture.rate_hz:.3f} s"
    inside = capture.samples[stretch.first : stretch.last] * capture.joules
    if bad := int(np.count_nonzero(~np.isfinite(inside))):
        return f"{bad} of its {len(inside)} samples are no numbers"
    if np.any(np.abs(inside) > most_j):
        return f"a sample says {float(np.max(np.abs(inside))) * capture.rate_hz:.3g} W, which no microcontroller draws"
    return None
