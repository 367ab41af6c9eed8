"""Golden frames that an emulator has to make, byte for byte; that parsers read them is tested beside each parser."""

from __future__ import annotations

from edgekit.sim.emulators.fnirsi import Fnb58
from edgekit.sim.emulators.instrument import Circuit
from edgekit.sim.emulators.lpm01a import Lpm01a
from edgekit.sim.emulators.um25c import Um25c
from edgekit.sim.load import constant, steps
from tests.meters.test_fnirsi import report

MS = 1_000_000


def test_a_um25c_sends_the_golden_frame() -> None:
    emulated = Um25c(Circuit(power=constant(6.32434), voltage_v=5.123))
    emulated.hear(b"\xa3", 0)  # data group 3
    data = emulated.frame(1000 * MS)
    assert data[:16].hex() == "09c914033039000018b40019004d0003"
    assert data[-4:].hex() == "0001fff1"


def test_an_fnb58_sends_the_golden_report() -> None:
    volts, step_a = 5.12345, 0.0002  # a fifth of which reaches the mean over 0.2 s within one report
    amperes = steps([(0.0, 1.23455 * volts), (0.4, (1.23455 + step_a) * volts)])
    emulated = Fnb58(Circuit(power=amperes, voltage_v=volts), junk=0)
    for code, check in ((0x81, 0x8E), (0x82, 0x96), (0x82, 0x96)):
        emulated.hear(bytes((0xAA, code)) + bytes(61) + bytes((check,)), 360 * MS)
    assert emulated.say(400 * MS)
    assert emulated.say(440 * MS) == report()


def test_an_lpm01a_sends_the_golden_word_and_line() -> None:
    for form, milliamperes, golden in (("bin_hexa", 0.53787, bytes.fromhex("5234")), ("ascii_dec", 0.6409, b"6409-07\r\n")):
        emulated = Lpm01a(Circuit(power=constant(milliamperes / 1000 * 3.3), voltage_v=3.3), noise_rel=0)
        emulated.hear(f"format {form}\nfreq 10k\nstart\n".encode(), 0)
        assert emulated.say(10 * MS).endswith(3 * golden)
