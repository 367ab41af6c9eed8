"""Read a program that prints its readings line by line: a vendor's tool, a script of one's own, sigrok-cli."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from edgekit.core.errors import UsageError
from edgekit.core.protocols import Clock
from edgekit.links.port import PortOpener
from edgekit.links.program import ProgramPort
from edgekit.meters.reading.lines import LinesMeter, columns_of
from edgekit.meters.reading.settings import wrong


class ProgramMeter(LinesMeter):
    """Read the lines of a program that is started for it."""

    def __init__(
        self,
        address: str | None = None,
        options: Mapping[str, str] | None = None,
        *,
        clock: Clock | None = None,
        open_port: PortOpener = ProgramPort,
    ) -> None:
        super().__init__(address, options, clock=clock, open_port=open_port)


class ExecMeter(ProgramMeter):
    """Start a command and read its lines: JSON objects, watts, or volts and amperes."""

    kind = "exec"
    options_known = (*LinesMeter.options_known, "command")

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.address = self.options.get("command", self.address)


class SigrokMeter(ProgramMeter):
    """Start sigrok-cli for the device that the address describes, such as rdtech-tc:conn=/dev/ttyACM0.

    It is a program of its own, under its own licence; nothing of it is imported.
    """

    kind = "sigrok"
    options_known = (*LinesMeter.options_known, "program")

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        if not self.address or self.address.startswith("-"):
            raise UsageError(
                "sigrok needs the device",
                code="meter.option",
                why="the address is what sigrok-cli takes after -d",
                do=[("see which devices it knows:", "sigrok-cli --scan")],
            )
        if "pattern" not in self.options:
            self._columns = columns_of(self.kind, self.options, "volts amps")
        program = self.options.get("program", "sigrok-cli")
        if not program.strip():
            raise wrong(self.kind, "program", "it is empty")
        self.address = shlex.join([program, "-d", self.address, "--continuous", "-O", "csv"])
