"""Bring files to a machine by the hash of their content: what is there is not sent again, what was cut off goes on where it ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from edgekit.core.errors import HardwareError
from edgekit.core.units import format_scaled
from edgekit.links.files import reading, sha256_of
from edgekit.links.shell import Console

_RECEIVE = Path(__file__).resolve().parents[1] / "runner" / "receive.py"
_RESERVE = 1 << 20  # a disk is not filled to its last byte
_CHECK_S = 600.0  # a slow card reads a large file again
_TRIES = 3


class Store:
    """Put files into one folder of a machine; `python` is its Python, `device` its name for people.

    `told` turns a command into one to paste here that does the same there.
    """

    def __init__(self, shell: Console, *, python: str, folder: str, device: str, told: Callable[[Sequence[str]], str]) -> None:
        self._shell = shell
        self._python = python
        self._folder = PurePosixPath(folder)
        self._device = device
        self._told = told
        self._source = _RECEIVE.read_text(encoding="utf-8")

    def put(self, path: Path, beside: Sequence[str] = ()) -> str:
        """Make the file present and whole there; return its path. Raises HardwareError for a full disk, a closed folder or a bad link.

        Files `beside` it, as paths from its folder, lie beside it there too: the folder there is named after the content of all.
        """
        with reading(path, "the file to send"):
            hashes = {name: sha256_of(path.parent / name) for name in (*beside, path.name)}
        whole = "".join(f"{sha256} {name}\n" for name, sha256 in sorted(hashes.items()))
        key = hashlib.sha256(whole.encode()).hexdigest() if beside else hashes[path.name]
        for name in beside:
            self._bring(path.parent / name, str(self._folder / key[:16] / name), hashes[name])
        return self._bring(path, str(self._folder / key[:16] / path.name), hashes[path.name])

    def _bring(self, path: Path, there: str, sha256: str) -> str:
        with reading(path, "the file to send"):
            size = path.stat().st_size
        asked = (there, str(size), sha256)
        for _ in range(_TRIES):
            state = self._ask("check", *asked)
            if state["there"]:
                return there
            self._require_room(path, size - state["have"], state["free"])
            with path.open("rb", buffering=0) as file:
                file.seek(state["have"])
                if self._ask("take", *asked, str(state["have"]), stdin=file)["there"]:
                    return there
        raise self._error("corrupt", f"{path.name} arrived with another sha256 than it left with, {_TRIES} times")

    def _ask(self, *words: str, stdin: Any = None) -> dict[str, Any]:
        done = self._shell.run([self._python, "-c", self._source, *words], stdin=stdin, timeout_s=None if stdin else _CHECK_S)
        lines = done.stdout.strip().splitlines()
        try:
            answer: dict[str, Any] = json.loads(lines[-1])
        except (IndexError, ValueError) as error:
            raise self._error("failed", done.stderr.strip()[-600:] or f"exit status {done.exit_code}") from error
        if "error" in answer:
            raise self._error(str(answer["error"]), str(answer["why"]))
        return answer

    def _require_room(self, path: Path, needed: int, free: int) -> None:
        if needed + _RESERVE > free:
            sizes = f"{path.name} needs {format_scaled(needed, 'B')}, and {format_scaled(free, 'B')} are free in {self._folder}"
            raise self._error("disk_full", sizes)

    def _error(self, kind: str, why: str) -> HardwareError:
        folder = str(self._folder)
        look = ("look at what is there:", self._told(["ls", "-la", folder]))
        if kind == "disk_full":
            room = ("see what takes the room there, earlier artifacts among it:", self._told(["du", "-ah", folder]))
            return HardwareError(f"the disk of {self._device} is too full", code="device.disk_full", why=why, do=[room, _ELSEWHERE])
        if kind == "permission":
            return HardwareError(
                f"{self._device} does not let this user write its files", code="device.permission", why=why, do=[look, _ELSEWHERE]
            )
        if kind == "corrupt":
            return HardwareError(f"a file did not reach {self._device} whole", code="device.corrupt", why=why, do=[look])
        return HardwareError(f"{self._device} could not take a file", code="device.upload", why=why, do=[look])


_ELSEWHERE = ("or use another folder:", "edgekit devices add NAME ssh://USER@HOST -o cache=/var/tmp/edgekit")
