"""What a self-test found out can be read on any terminal, each sentence once."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from edgekit.core.quantity import Origin
from edgekit.reports.calibrations import calibration_table, findings
from tests.calibrations import about, calibration, spec


def told(*, width=100, **changes) -> str:
    meter = spec(origin=Origin.EMULATED)
    meter = replace(meter, detail="Emulated H100, driver 580.65.06")
    found = calibration(meter)
    rows = [replace(item, idle_w=about(78.3, "W"), counter_ratio=about(1.0, "1"), **changes) for item in found.channels]
    found = replace(found, channels=tuple(rows))
    console = Console(file=StringIO(), width=width, no_color=True)
    console.print(calibration_table(found, meter), findings(found, meter))
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [160, 100])
def test_channel_names_stay_whole_beside_all_figures(width):
    drawn = told(width=width)
    assert "nvml.gpu0.energy" in drawn
    assert "nvml.gpu0.power" in drawn
    assert "…" not in drawn


@pytest.mark.parametrize("width", [80, 60])
def test_where_the_terminal_is_narrow_nothing_is_cut_off(width):
    drawn = told(width=width)
    assert "…" not in drawn
    assert max(map(len, drawn.splitlines())) <= width
    channel = "".join(line.split("│")[1].strip() for line in drawn.splitlines() if line.startswith("│"))
    assert channel == "nvml.gpu0.energynvml.gpu0.power"
    assert drawn.count("±") >= 10


def test_a_sentence_that_holds_for_several_channels_is_said_once_and_what_it_changes_too():
    drawn = " ".join(told(width=300).split())
    assert drawn.count("takes that for the whole") == 1
    assert drawn.count("must be de-phased") == 1
    meter = spec()
    found = calibration(meter)
    first, second = found.channels
    apart = findings(replace(found, channels=(replace(first, sampled_fraction=about(1.0, "1")), second)), meter)
    assert "nvml.gpu0.energy: it looks at" in apart
    assert apart.count("Edge term of a 10 s window") == 2, "one of the two must be de-phased, the other not"


def test_the_title_says_apart_from_the_instrument_that_it_is_emulated():
    assert "driver 580.65.06. EMULATED: no hardware was tested" in " ".join(told(width=300).split())
