"""Every instrument refuses an option that it does not have, before anything is opened; what its driver knows of volts gives a charge."""

from __future__ import annotations

import pytest

from edgekit.core.errors import UsageError
from edgekit.flows.read import read
from edgekit.meters.lpm01a import Lpm01aMeter
from edgekit.meters.ppk2 import Ppk2Meter
from edgekit.registry import METERS, meter_class
from edgekit.sim.clock import ScriptedClock
from edgekit.sim.emulators.instrument import Circuit
from edgekit.sim.emulators.lpm01a import Lpm01a
from edgekit.sim.emulators.ppk2 import Ppk2
from edgekit.sim.load import constant
from tests.meters.scripted import Line

INSTRUMENTS = [kind for kind in METERS if kind not in ("sim", "replay") and not hasattr(meter_class(kind), "counter")]


@pytest.mark.parametrize("kind", INSTRUMENTS)
def test_an_option_that_does_not_exist_is_refused(kind: str) -> None:
    with pytest.raises(UsageError) as refused:
        meter_class(kind)("here", {"volatge": "3.3 V"})
    assert refused.value.code == "meter.option"


def test_a_near_miss_is_named() -> None:
    with pytest.raises(UsageError, match="volatge") as refused:
        Ppk2Meter("here", {"volatge": "3.3 V"})
    assert "did you mean voltage?" in (refused.value.why or "")


@pytest.mark.parametrize(("driver", "emulator"), [(Ppk2Meter, Ppk2), (Lpm01aMeter, Lpm01a)])
def test_a_current_meter_that_knows_its_volts_tells_the_charge(
    driver: type[Ppk2Meter] | type[Lpm01aMeter], emulator: type[Ppk2] | type[Lpm01a]
) -> None:
    clock = ScriptedClock()
    line = Line(emulator(Circuit(power=constant(0.033), voltage_v=3.3)), clock)
    meter = driver("scripted", {"voltage": "3.3 V"}, clock=clock, open_port=line.open)
    found = read(meter, seconds=1.0, show=lambda totals, points: None, clock=clock).totals
    assert found.charge_mah == pytest.approx(10.0 * found.seconds / 3600, rel=0.02), "10 mA"
