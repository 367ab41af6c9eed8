"""Several meters on one run: side by side by boundary, the difference with its interval and its explanation, contradictions named."""

from __future__ import annotations

import pytest

from edgekit.core.boundary import Boundary, contains
from edgekit.core.quantity import Estimate, Origin, Unknown
from edgekit.core.run import ChannelAnalysis
from edgekit.energy.boundaries.beside import side_by_side


def figure(channel: str, boundary: Boundary, value: float | None, half: float = 0.01) -> ChannelAnalysis:
    unknown = Unknown(reason="not looked at", unit="J")
    energy = (
        unknown
        if value is None
        else Estimate(value=value, low=value - half, high=value + half, unit="J", boundary=boundary, origins=(Origin.MEASURED,))
    )
    return ChannelAnalysis(
        channel=channel,
        boundary=boundary,
        energy_j_per_inference=energy,
        net_j_per_inference=unknown,
        idle_w=unknown,
        mean_w=unknown,
        window_j=(),
        coverage=None,
    )


@pytest.mark.parametrize(
    ("outer", "inner", "values", "code", "words"),
    [
        (
            Boundary.USB_INPUT,
            Boundary.CPU_PACKAGE,
            (1.0, 0.6),
            "meters.beside",
            "the difference, 400 mJ ± 14 mJ, is lost in the board's",
        ),
        (Boundary.USB_INPUT, Boundary.MODULE, (1.0, 0.84), "meters.beside", "taken by the carrier board"),
        (Boundary.WALL, Boundary.USB_INPUT, (1.2, 1.0), "meters.beside", "lost in the power supply"),
        (Boundary.USB_INPUT, Boundary.CPU_PACKAGE, (1.0, 1.3), "meters.disagree", "a part cannot take more than the whole"),
        (Boundary.USB_INPUT, Boundary.USB_INPUT, (1.0, 1.005), "meters.beside", "they agree within what both state"),
        (Boundary.USB_INPUT, Boundary.USB_INPUT, (1.0, 1.3), "meters.disagree", "they do not agree"),
        (Boundary.GPU_BOARD, Boundary.CPU_PACKAGE, (1.0, 0.5), "meters.beside", "neither place contains the other"),
    ],
)
def test_two_figures_are_compared_and_never_averaged(
    outer: Boundary, inner: Boundary, values: tuple[float, float], code: str, words: str
) -> None:
    (note,) = side_by_side(figure("a.power", outer, values[0]), [figure("b.power", inner, values[1])])
    assert note.code == code
    assert words in note.text


def test_what_is_unknown_is_not_compared() -> None:
    known = figure("a", Boundary.WALL, 1.0)
    assert side_by_side(known, [figure("b", Boundary.DRAM, None)]) == ()
    assert side_by_side(figure("b", Boundary.DRAM, None), [known]) == ()
    assert side_by_side(None, [known]) == ()


def test_the_plug_is_not_inside_the_board() -> None:
    assert contains(Boundary.WALL, Boundary.USB_INPUT)
    assert not contains(Boundary.USB_INPUT, Boundary.WALL)
    assert not contains(Boundary.BATTERY, Boundary.GRID)
