"""Let the device cool to a base temperature before each window, so that none begins hotter; say how warm each was, and what got into it."""

from __future__ import annotations

from dataclasses import replace

from edgekit.core.hardware import DeviceFacts
from edgekit.core.protocols import DeviceSession
from edgekit.core.quantity import Note
from edgekit.core.run import RunPlan
from edgekit.core.window import Window
from edgekit.energy.conduct.validity import disturbances

POLL_S = 1.0


class Cooling:
    """Follow the temperature of one device; `start_c` is what it was before anything ran, None where nobody can tell."""

    def __init__(self, plan: RunPlan, session: DeviceSession, start_c: float | None) -> None:
        self._plan = plan
        self._session = session
        self._start_c = start_c

    @property
    def target_c(self) -> float | None:
        """Return the temperature at which a window may begin; None where it may begin at any."""
        if self._start_c is None:
            return None
        if self._plan.cool_to_c is not None:
            return self._plan.cool_to_c
        return None if self._plan.cool_within_c is None else self._start_c + self._plan.cool_within_c

    @property
    def impossible(self) -> Note | None:
        """Return what is to be said where cooling was asked for and no temperature can be read."""
        asked = self._plan.cool_to_c is not None or self._plan.cool_within_c is not None
        if not asked or self._start_c is not None:
            return None
        text = "no temperature can be read on this device: windows are not cooled to one, only the fixed pause is kept"
        return Note(code="cooldown.blind", text=text, advice="lengthen that pause with --cooldown")

    def wait(self, most_s: float) -> tuple[DeviceFacts, bool]:
        """Rest until the temperature is low enough, or for `most_s`; return the last look at the device, and whether it is."""
        target_c, waited_s = self.target_c, 0.0
        look = self._session.condition()
        while target_c is not None and look.temperature_c is not None and look.temperature_c > target_c:
            if waited_s >= most_s:
                return look, False
            step_s = min(POLL_S, most_s - waited_s)
            self._session.idle(-1, step_s)
            waited_s += step_s
            look = self._session.condition()
        return look, True


def looked_at(window: Window, before: DeviceFacts, after: DeviceFacts) -> Window:
    """Return a window with its temperatures and what disturbed it, as two looks at the device around it show."""
    warm = (before.temperature_c, after.temperature_c)
    disturbed = tuple(note.code for note in disturbances(before, after))
    return replace(window, temperature_c=None if warm == (None, None) else warm, disturbed=disturbed)


def too_warm(name: str, temperature_c: float | None, target_c: float | None, waited_s: float) -> Note:
    """Return what is to be said of a window that began hotter than asked."""
    text = f"{name}: still {temperature_c:.1f} C after {waited_s:.0f} s of cooling, {target_c:.1f} C was asked: its windows begin warmer"
    return Note(code="cooldown.cap", text=text, advice="allow more with --cool-at-most, ask for a higher temperature, or cool the device")
