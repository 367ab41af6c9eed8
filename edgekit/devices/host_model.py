"""Ask the same model on this host: the inputs that are fed to a board, and what should come out."""

from __future__ import annotations

import contextlib
import math
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.devices.client import Client
from edgekit.devices.pack import deploy
from edgekit.links.shell import LocalShell, Shell

_LOAD_S, _ANSWER_S = 300.0, 120.0
_FROM_UNSIGNED = frozenset({"ic01", "ic02", "vww01"})  # their firmware takes pixels from 0 and subtracts 128
_IN_FLOATS = frozenset({"ad01"})  # its firmware takes floats, quantizes them itself and prints how far the output is from them


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Hold one input as the firmware of `model` takes it, what it should print, and the step of the output's quantization (None: float)."""

    wire: bytes
    results: tuple[float, ...]
    step: float | None


class HostModel:
    """Hold an artifact in a runner process on this host; `inputs` says where its samples came from, `engine` what computes it."""

    def __init__(self, client: Client, loaded: Mapping[str, Any]) -> None:
        self._client = client
        self.inputs = str(loaded["inputs"])
        self.samples = int(loaded["samples_used"])
        self.engine = f"{loaded['engine']} {loaded['engine_version']}"

    def expected(self, index: int, model: str) -> Expected:
        """Return the sample `index` and its results, in the way the firmware of `model` reads and prints them."""
        return _expected(self._client.ask("answer", index=index, timeout_s=_ANSWER_S), model)

    def results(self, wire: bytes, model: str) -> Sequence[float]:
        """Return what the firmware of `model` prints for the bytes in its buffer; raise ModelError or UsageError where they do not fit."""
        tensor = self._client.ask("answer", index=0, timeout_s=_ANSWER_S)["input"]
        return _expected(self._client.ask("answer", hex=to_model(wire, tensor, model).hex(), timeout_s=_ANSWER_S), model).results


@contextlib.contextmanager
def host_model(artifact: Path, samples: Path | None, *, shell: Shell | None = None, cache_dir: Path | None = None) -> Iterator[HostModel]:
    """Load an artifact on this host while the context is open; raise ModelError, UsageError or SetupError."""
    shell = shell or LocalShell()
    client = Client(shell.spawn([sys.executable, shell.put(deploy(cache_dir)), "infer"]), device="this host")
    with contextlib.closing(client):
        client.greet()
        place = shell.put(samples) if samples is not None else None
        loaded = client.ask("load", artifact=shell.put(artifact), samples=place, threads=1, batch=1, timeout_s=_LOAD_S)
        yield HostModel(client, loaded)


def to_wire(data: bytes, tensor: Mapping[str, Any], model: str) -> bytes:
    """Return the bytes that the firmware of `model` takes for what the artifact's input takes."""
    if tensor["dtype"] == "int8" and model in _FROM_UNSIGNED:
        return bytes(number ^ 0x80 for number in data)
    if tensor["dtype"] == "int8" and model in _IN_FLOATS:
        return struct.pack(f"<{len(data)}f", *_floats(data, tensor))
    return data


def to_model(wire: bytes, tensor: Mapping[str, Any], model: str) -> bytes:
    """Return the bytes of the artifact's input for those that the firmware of `model` took."""
    if tensor["dtype"] == "int8" and model in _FROM_UNSIGNED:
        return bytes(number ^ 0x80 for number in wire)
    if tensor["dtype"] == "int8" and model in _IN_FLOATS:
        scale, zero_point = tensor["scale"] or 1.0, tensor["zero_point"] or 0
        values = struct.unpack(f"<{len(wire) // 4}f", wire[: len(wire) // 4 * 4])
        steps = (round(value / scale) + zero_point if math.isfinite(value) else 0 for value in values)
        return bytes(max(-128, min(127, step)) & 0xFF for step in steps)
    return wire


def _floats(data: bytes, tensor: Mapping[str, Any]) -> list[float]:
    if tensor["dtype"] == "float32":
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    scale, zero_point = tensor["scale"] or 1.0, tensor["zero_point"] or 0
    return [(number - zero_point) * scale for number in struct.unpack(f"{len(data)}b", data)]


def _expected(answer: Mapping[str, Any], model: str) -> Expected:
    data, tensor, output = bytes.fromhex(answer["input"]["hex"]), answer["input"], answer["outputs"][0]
    values = tuple(output["values"])
    if model in _IN_FLOATS and tensor["dtype"] in ("int8", "float32"):
        fed = _floats(data, tensor)
        if len(fed) == len(values):
            values = (sum((a - b) ** 2 for a, b in zip(fed, values, strict=True)) / len(fed),)
    return Expected(wire=to_wire(data, tensor, model), results=values, step=output["scale"])
