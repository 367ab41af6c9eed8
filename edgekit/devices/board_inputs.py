"""Choose the inputs that a board is fed, and judge what it makes of them by the artifact's results on this host."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import SetupError
from edgekit.core.quantity import Note
from edgekit.core.units import counted
from edgekit.devices.host_model import Expected, HostModel
from edgekit.devices.tiny_protocol import CHUNK_BYTES, INPUT_BYTES

SEND_S = 5.0  # an input that takes longer to send is the only one
_ROUNDED = 0.0006  # results are printed with three digits
_STEPS = 3  # of the output's scale: kernels that compute the same may differ by as much
_MSE_REL = 0.05  # and the mean of squared differences by this share
_SEED = 20240

OpenHostModel = Callable[[Path, Path | None], AbstractContextManager[HostModel]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Hold the inputs, in turn: bytes as the firmware takes them (none: its buffer is left as it is), and what should come of them.

    `origin` is "samples" or "synthetic". `engine` computed the expected results on this host; without one, `why` says why there are none.
    """

    wires: tuple[bytes, ...]
    expected: tuple[Expected, ...] = ()
    origin: str = "synthetic"
    engine: str = ""
    why: str = ""


def feed(artifact: Path, samples: Path | None, model: str, open_model: OpenHostModel, *, most: int, baud: int) -> Feed:
    """Return the inputs for the firmware of `model`; raise ModelError or UsageError for an artifact or samples that cannot be used."""
    try:
        with open_model(artifact, samples) as host:
            first = host.expected(0, model)
            number = min(most, host.samples) if sending_s(len(first.wire), baud) <= SEND_S else 1
            expected = (first, *(host.expected(index, model) for index in range(1, number)))
            return Feed(wires=tuple(item.wire for item in expected), expected=expected, origin=host.inputs, engine=host.engine)
    except SetupError as error:  # no engine on this host: the board runs without it
        return Feed(wires=(_synthetic(model),), why=str(error))


def sending_s(size: int, baud: int) -> float:
    """Return how long so many bytes take through the line, at 10 bits a character: two digits each, and per command what is around them."""
    commands = size / CHUNK_BYTES
    return (2 * size + commands * len("db %m-ready\r\n")) * 10 / baud


def judge(seen: Sequence[Sequence[float]], given: Feed, *, artifact: str, model: str) -> Note:
    """Return what the board's results say of the artifact: whether it can be what is flashed."""
    if not given.expected:
        text = f"nobody compared the board's results with {artifact}: {given.why}"
        return Note(code="board.unchecked", text=text, advice='install an engine on this host: pip install "edgekit[tflite]"')
    pairs = [(own, item) for own, item in zip(seen, given.expected, strict=True)]
    counts = {(len(own), len(item.results)) for own, item in pairs}
    other = "flash the firmware that was built from this artifact, or benchmark the artifact that is flashed"
    if any(own != wanted for own, wanted in counts):
        own, wanted = sorted(counts)[0]
        return Note(code="board.disagrees", text=f"the board prints {counted(own, 'result')}, {artifact} has {wanted}", advice=other)
    worst = max(abs(a - b) for own, item in pairs for a, b in zip(own, item.results, strict=True))
    where = f"the results of {counted(len(pairs), 'input')}"
    if all(_alike(a, b, item.step, model) for own, item in pairs for a, b in zip(own, item.results, strict=True)):
        text = f"{where} agree with those of {artifact} on this host ({given.engine}): the largest difference is {worst:.3f}"
        return Note(code="board.agrees", text=text)
    text = f"{where} differ from those of {artifact} on this host ({given.engine}) by up to {worst:.3f}: another model may be flashed"
    return Note(code="board.disagrees", text=text, advice=other)


def fitting(given: Feed, *, artifact: str, model: str) -> Note | None:
    """Return a remark where the benchmark's model of this name takes another input than the artifact does."""
    wanted, size = INPUT_BYTES.get(model), len(given.wires[0])
    if wanted is None or size in (0, wanted):
        return None
    text = f"the board says that it runs {model}, whose input is {wanted} bytes; that of {artifact} is {size}"
    return Note(code="board.other_input", text=text, advice="benchmark the artifact that is flashed")


def _alike(a: float, b: float, step: float | None, model: str) -> bool:
    if model.startswith("ad"):
        return abs(a - b) <= _ROUNDED + _MSE_REL * abs(b)
    return abs(a - b) <= _ROUNDED + _STEPS * (step if step is not None else 0.001)


def _synthetic(model: str) -> bytes:
    size = INPUT_BYTES.get(model, 0)
    return bytes(size) if model.startswith("ad") else random.Random(_SEED).randbytes(size)  # noqa: S311 -- an input, not a secret
