"""How often a tester's values are new: neither repeats nor points on a line count."""

from __future__ import annotations

import pytest

from edgekit.energy.tally import Tally
from edgekit.meters.fnirsi import FnirsiMeter
from edgekit.meters.tc66 import Tc66Meter
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.fnirsi import Fnb58
from edgekit.sim.emulators.instrument import Circuit
from edgekit.sim.emulators.tc66 import Tc66
from edgekit.sim.load_words import parse_load
from tests.meters.scripted import Line, pass_time


@pytest.mark.parametrize(("emulator", "meter", "true_hz"), [(Tc66, Tc66Meter, 2.0), (Fnb58, FnirsiMeter, 25.0)], ids=["tc66", "fnb58"])
@pytest.mark.parametrize(
    "load", ["idle 2 W; burst 6 W 230 ms every 730 ms", "idle 2 W; burst 6 W 20 ms every 103 ms", "idle 2 W; burst 6 W 3 s every 7 s"]
)
def test_what_a_tester_repeats_or_interpolates_is_not_new(
    emulator: type[Tc66] | type[Fnb58], meter: type[Tc66Meter] | type[FnirsiMeter], true_hz: float, load: str
) -> None:
    clock = ScriptedClock()
    reader = meter("scripted", {"emulated": "yes"}, clock=clock, open_port=Line(emulator(Circuit(power=parse_load(load))), clock).open)
    tally = Tally(reader.spec())
    reader.start(tally.take)
    pass_time(clock, seconds=20, step_s=0.05)
    reader.stop()
    found = tally.totals().effective_hz.value
    assert found is None or found == pytest.approx(true_hz, rel=0.02)
