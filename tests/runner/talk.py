"""Talk to a real runner process, packed as it is deployed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgekit.devices.pack import deploy
from edgekit.links.shell import LocalProcess, LocalShell


class Talk:
    """Send requests and read messages, with no client logic in between."""

    def __init__(self, process: LocalProcess) -> None:
        self.process = process
        self.count = 0

    def say(self, text: str) -> None:
        self.process.write_line(text)

    def hear(self) -> dict[str, Any] | None:
        line = self.process.read_line(60)
        return None if line is None else json.loads(line)

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """Return the reply; events that come before it are dropped."""
        self.count += 1
        self.say(json.dumps({"id": self.count, "op": op, **fields}))
        while True:
            message = self.hear()
            assert message is not None, self.process.complaints()
            if message.get("id") == self.count:
                return message


@contextmanager
def runner(mode: str, cache: Path, *, options: Sequence[str] = ("-I",), env: Mapping[str, str] | None = None) -> Iterator[Talk]:
    process = LocalShell().spawn([sys.executable, *options, str(deploy(cache)), mode], env=env)
    try:
        yield Talk(process)
    finally:
        process.close(0.5)
