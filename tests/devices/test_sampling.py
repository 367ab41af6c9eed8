"""What the sampler sends becomes readings, remarks and gaps, and its end is heard of at once."""

from __future__ import annotations

import queue
from typing import Any

import pytest

from edgekit.core.errors import EdgekitError, HardwareError
from edgekit.core.quantity import Note
from edgekit.core.trace import FLAG_INVALID, Reading
from edgekit.devices.sampling import Sampling
from tests.processes import wait_until


class Scripted:
    """Answer like the client of a sampler; `say` lets it send something unasked, an exception ends it."""

    def __init__(self, *channels: str) -> None:
        self.channels = channels
        self.messages: queue.Queue[Any] = queue.Queue()

    def ask(self, op: str, **_: Any) -> dict[str, Any]:
        return {"channels": list(self.channels)}

    def send(self, op: str, **_: Any) -> int:
        if op == "stop":
            self.messages.put({"id": 2, "ok": True, "cpu_s": 0.1, "wall_s": 10.0, "reads": 5})
        return 2

    def receive(self, timeout_s: float | None, *, waiting_for: str) -> dict[str, Any]:
        message = self.messages.get(timeout=10)
        if isinstance(message, Exception):
            raise message
        return message

    def checked(self, message: dict[str, Any]) -> dict[str, Any]:
        return message

    def close(self) -> None: ...


class Watch:
    """Keep what is heard."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.gaps: list[tuple[int, int]] = []
        self.failures: list[Exception] = []

    def note(self, note: Note) -> None:
        self.notes.append(note)

    def gap(self, start_ns: int, end_ns: int) -> None:
        self.gaps.append((start_ns, end_ns))

    def failed(self, error: Exception) -> None:
        self.failures.append(error)


def started(*channels: str) -> tuple[Scripted, Watch, list[Reading], Sampling]:
    client, watch, readings = Scripted(*channels), Watch(), []
    sampling = Sampling(client, watch)  # type: ignore[arg-type]
    sampling.start(["rapl"], hz=100, pids=[], roots={}, sink=readings.extend)
    return client, watch, readings, sampling


def test_unusable_readings_keep_their_flag_and_are_remarked() -> None:
    client, watch, readings, sampling = started("package")
    client.messages.put({"event": "readings", "rows": [[0, 10, 1, 5.0], [0, 20, 1, 0, FLAG_INVALID], [0, 30, 1, 7.0]]})
    client.messages.put({"event": "note", "code": "reading.invalid", "channel": "package", "t_ns": 20, "count": 1, "why": "an empty read"})
    sampling.stop()
    assert [(reading.t_ns, reading.value, reading.flags) for reading in readings] == [(10, 5.0, 0), (20, 0.0, FLAG_INVALID), (30, 7.0, 0)]
    assert [(note.code, note.text) for note in watch.notes] == [
        ("reading.invalid", "1 reading(s) of package could not be used: an empty read")
    ]


def test_being_kept_waiting_is_a_gap_each_time_and_one_remark_at_the_end() -> None:
    client, watch, _, sampling = started("package")
    for start_ns, length_ns in ((1_000, 60_000_000), (9_000, 1_500_000_000)):
        client.messages.put({"event": "note", "code": "sampler.starved", "t_ns": start_ns, "length_ns": length_ns, "count": 1})
    client.messages.put({"event": "note", "code": "sampler.suspended", "t_ns": 5, "length_ns": 3_200_000_000})
    sampling.stop()
    assert watch.gaps == [(1_000, 60_001_000), (9_000, 1_500_009_000)]
    assert [note.code for note in watch.notes] == ["sampler.suspended", "sampler.starved"]
    assert "3.2 s" in watch.notes[0].text
    assert "2 time(s), for up to 1.5 s" in watch.notes[1].text


def test_one_lost_channel_is_remarked_and_all_of_them_end_the_run() -> None:
    client, watch, _, sampling = started("package", "dram")
    client.messages.put({"event": "lost", "channel": "dram", "t_ns": 1, "why": "OSError: gone"})
    wait_until(lambda: bool(watch.notes), "hearing of the channel", seconds=10)
    assert (watch.notes[0].code, watch.failures) == ("meter.channel_lost", [])
    client.messages.put({"event": "lost", "channel": "package", "t_ns": 2, "why": "PermissionError: energy_uj"})
    wait_until(lambda: bool(watch.failures), "hearing of the loss", seconds=10)
    (error,) = watch.failures
    assert isinstance(error, EdgekitError)
    assert error.code == "meter.lost"
    assert "energy_uj" in error.why
    with pytest.raises(HardwareError):
        sampling.stop()


def test_the_end_of_the_sampler_is_heard_before_anyone_asks() -> None:
    client, watch, _, sampling = started("package")
    client.messages.put(HardwareError("the runner died", code="runner.died"))
    wait_until(lambda: bool(watch.failures), "hearing of the end", seconds=10)
    with pytest.raises(HardwareError) as caught:
        sampling.stop()
    assert caught.value is watch.failures[0]
