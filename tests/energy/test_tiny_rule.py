"""The rule of MLPerf Tiny: the median of five windows, said beside the headline."""

from __future__ import annotations

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import Unknown
from edgekit.core.run import ChannelAnalysis
from edgekit.core.window import Phase, Window
from edgekit.energy.tiny_rule import by_tiny_rule

NONE = Unknown(reason="not asked", unit="J")


def _windows(number: int, seconds: float = 10.5) -> list[Window]:
    step = 20 * 10**9
    return [
        Window(phase=Phase.MEASURE, index=i, clock="c", start_ns=i * step, end_ns=i * step + round(seconds * 1e9), inferences=100)
        for i in range(number)
    ]


def _analysis(*joules: float | None) -> ChannelAnalysis:
    return ChannelAnalysis(
        channel="ppk2.power",
        boundary=Boundary.MCU_SUPPLY,
        energy_j_per_inference=NONE,
        net_j_per_inference=NONE,
        idle_w=NONE,
        mean_w=NONE,
        window_j=joules,
        coverage=1.0,
    )


def test_it_is_the_median_of_the_first_five() -> None:
    note = by_tiny_rule(_windows(7), _analysis(0.1, 0.2, 0.3, 0.4, 9.0, 0.0, 0.0))
    assert note is not None
    assert note.text == "by the rule of MLPerf Tiny, the median of 5 windows: 3.00 mJ; not verified by MLCommons"


def test_windows_without_an_energy_do_not_count() -> None:
    assert by_tiny_rule(_windows(5), _analysis(0.1, 0.2, None, 0.4, 0.5)) is None
    assert by_tiny_rule(_windows(5), None) is None


def test_short_windows_are_said() -> None:
    note = by_tiny_rule(_windows(5, seconds=2.0), _analysis(*[0.1] * 5))
    assert note is not None
    assert "shorter than 10 s" in note.text
