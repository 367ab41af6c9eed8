"""Emulate an ST STLINK-V3PWR: the stream of words of the LPM01A behind a handshake of its own."""

from __future__ import annotations

from edgekit.sim.emulators.lpm01a import Lpm01a


class V3Pwr(Lpm01a):
    """Answer nothing of its power monitor before `power_monitor`, then speak words as the LPM01A does.

    It takes the commands as ST's scripts write them; with `names_output`, as minuteOS does.
    """

    names_output = False

    identity = "STLINK-V3PWR EMULATED"
    prompt = ""
    limit_a = 0.55
    over_frame = b"\xf0\xf5\x00\x00\x00\x00\xff\xff"

    def _obey(self, command: str, t_ns: int) -> bytes:
        verb = command.partition(" ")[0]
        if verb in ("format", "volt", "pwr", "start", "freq", "acqtime") and "power_monitor" not in self._settings:
            self.heard.append(command)
            return f"error {command}\r\n\r\n".encode()
        named = {"volt": " vout " in command, "pwr": " vout " in command, "format": command.endswith("bin_hexa")}
        if named.get(verb, self.names_output) is not self.names_output:
            self.heard.append(command)
            return f"error {command}\r\n\r\n".encode()
        return super()._obey(command, t_ns)
