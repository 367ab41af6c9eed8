"""A load in words: what is drawn at each moment, its exact energy, and what cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.errors import UsageError
from edgekit.sim.load_words import EXAMPLE, parse_load, parse_table


@pytest.mark.parametrize(
    ("words", "at_s", "watts"),
    [
        ("idle 2 W", 5.0, 2.0),
        (EXAMPLE, 0.1, 6.0),
        (EXAMPLE, 0.2, 2.0),
        (EXAMPLE, 7.15, 6.0),
        ("idle 20 mW; burst 80mW 20 ms every 100 ms", 0.115, 0.08),
        ("ramp 2 W 4 W 10 s", 5.0, 3.0),
        ("idle 1 W; ramp 2 W 4 W 10 s", 20.0, 4.0),
        ("square 2 W 6 W 500 ms", 0.1, 6.0),
        ("square 2 W 6 W 500 ms", 0.3, 2.0),
        ("idle 1 W; burst 3 W 100 ms every 1 s; burst 2 W 500 ms every 1 s", 0.05, 4.0),
        ("idle 150 uW", 0.0, 150e-6),
    ],
)
def test_words_say_what_is_drawn(words: str, at_s: float, watts: float) -> None:
    assert parse_load(words).power(round(at_s * 1e9)) == pytest.approx(watts)


@given(
    idle=st.integers(0, 5000), burst=st.integers(5000, 9000), on=st.integers(1, 99), every=st.integers(100, 2000), cycles=st.integers(1, 50)
)
def test_the_energy_of_whole_cycles_is_exact(idle: int, burst: int, on: int, every: int, cycles: int) -> None:
    load = parse_load(f"idle {idle} mW; burst {burst} mW {on} ms every {every} ms")
    true_j = cycles * (idle * every + (burst - idle) * on) / 1e6
    assert load.total_j(cycles * every * 1_000_000) == pytest.approx(true_j, rel=1e-12)


@pytest.mark.parametrize(
    "words",
    [
        "",
        ";",
        "idle",
        "idle 2",
        "idle 2 kW",
        "idle 2 W; idle 3 W",
        "burst 6 W 2 s every 1 s",
        "burst 6 W 0 s every 1 s",
        "idle -2 W",
        "sleep 2 W",
        "idle 3 W; burst 1 W 1 s every 2 s; burst 0 W 1 s every 3 s",
        "ramp 1 W 2 W",
        "idle 1e9 W",
        f"idle {10**7} W",
    ],
)
def test_what_cannot_be_read_is_refused_with_an_example(words: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_load(words)
    assert refused.value.code == "load.words"
    assert refused.value.do[0][1] == f"--load '{EXAMPLE}'"


def test_a_table_is_straight_between_its_rows() -> None:
    load = parse_table("t_s,power_w\n10,2\n# a comment\n12,4\n12,6\n", where="load.csv")
    assert [load.power(round(t * 1e9)) for t in (0, 1, 2, 9)] == [2, 3, 6, 6]
    assert load.total_j(4_000_000_000) == pytest.approx(6 + 12)


@pytest.mark.parametrize("text", ["", "t_s,power_w\n", "0\n", "0,2\n1,-3\n", "1,2\n0,3\n", "0,nan\n", "0,x\n", "inf,1\n", "0,1\ninf,1\n"])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_table(text, where="load.csv")
    assert refused.value.code == "load.table"


@given(st.text(alphabet="idleburstamqe0123456789. WmsuW;µ", max_size=40))
def test_any_words_are_read_or_refused(words: str) -> None:
    try:
        load = parse_load(words)
    except UsageError:
        return
    assert load.power(0) >= 0
