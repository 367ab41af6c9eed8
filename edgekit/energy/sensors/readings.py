"""Tell usable readings from the rest, whole or chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from edgekit.core.trace import FLAG_GAP, FLAG_INVALID, FLAG_OVER, ChunkedTrace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgekit.core.trace import Trace

BLOCK = 65_536  # readings that are worked on at a time: what is computed from them stays in the processor's cache


def chunks_of(trace: Trace | ChunkedTrace) -> Iterator[Trace]:
    """Yield a trace piece by piece; a whole one is one piece."""
    if isinstance(trace, ChunkedTrace):
        yield from trace.chunks()
    else:
        yield trace


def blocks_of(
    trace: Trace | ChunkedTrace, *, over: Callable[[NDArray[np.int64]], None] | None = None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_] | None]]:
    """Yield (t_ns, value, lost) in blocks: usable readings, and which of them follow readings that the instrument says are lost.

    `lost` is None where none does. A reading that is flagged as invalid, or is no finite number, says nothing and is left out: time goes on
    without it, so that what lies between its neighbours is bridged or not by the length of the gap alone. Where it also says that readings
    were lost before it, its successor says so. `over` hears when readings beyond the instrument's range were made.
    """
    import numpy as np

    carried = False
    for chunk in chunks_of(trace):
        for start in range(0, len(chunk), BLOCK):
            part = slice(start, start + BLOCK)
            t, value, flags = chunk.t_ns[part], chunk.value[part], chunk.flags[part]
            if not carried and not flags.any() and np.isfinite(value.sum()):
                yield t, value, None
                continue
            good = ((flags & FLAG_INVALID) == 0) & np.isfinite(value)
            gap = (flags & FLAG_GAP) != 0
            if over is not None and (beyond := (flags & FLAG_OVER) != 0).any():
                over(t[beyond])
            lost = np.zeros(int(good.sum()), np.bool_)
            # A gap holds from the reading that reports it to the next usable one.
            places = np.searchsorted(np.flatnonzero(good), np.flatnonzero(gap), side="left")
            lost[places[places < len(lost)]] = True
            if len(lost):
                lost[0] |= carried
            carried = (carried and not len(lost)) or bool(np.any(places >= len(lost)))
            yield t[good], value[good], lost


def disorder(trace: Trace | ChunkedTrace) -> str | None:
    """Return what is wrong with readings that are not in the order in which they were taken; None where they are.

    An instrument is read forwards in time, so such rows were exchanged, or joined from several recordings, after they were read.
    """
    backwards, last = 0, None
    for chunk in chunks_of(trace):
        if not len(chunk):
            continue
        backwards += int((chunk.t_ns[1:] < chunk.t_ns[:-1]).sum()) + int(last is not None and chunk.t_ns[0] < last)
        last = chunk.t_ns[-1]
    if not backwards:
        return None
    return f"the readings of {trace.channel} are out of order: time goes backwards at {backwards} of {len(trace)}"


def usable(trace: Trace | ChunkedTrace) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return (t_ns, bracket_ns, value) of all usable readings of a trace."""
    import numpy as np

    parts = []
    for chunk in chunks_of(trace):
        good = ((chunk.flags & FLAG_INVALID) == 0) & np.isfinite(chunk.value)
        parts.append((chunk.t_ns[good], chunk.bracket_ns[good].astype(np.float64), chunk.value[good]))
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0), np.zeros(0)
    return parts[0] if len(parts) == 1 else tuple(np.concatenate(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]
