"""Each emulated meter, from the driver to the figure: stated intervals hold the true joules, and are hardly wider than they have to be."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import pytest

from edgekit.registry import METERS, meter_class
from tests.meters.proven import PROVEN, Measured, benched, measured
from tests.meters.scripted import most_misses

WIDEST = 1.5
"""The median of how many times wider the interval is than that of an observer with exact knowledge (tests/meters/exactly.py)."""
OTHERWISE = {"sim", "replay", "joulescope"}  # no instruments, and one whose library is what is emulated (its own test)


def kind_of(name: str) -> str:
    return name.partition(",")[0]


def told(runs: list[Measured]) -> str:
    missed = [(run.seed, f"{run.stated.value / run.true_j - 1:+.3%}") for run in runs if not run.holds]
    return f"missed by {missed}; {median(run.ratio for run in runs):.2f} times as wide as exact knowledge allows"


def judge(runs: list[Measured]) -> None:
    """Fewer than one in a thousand honest instruments would miss this often (95 %, one-sided binomial)."""
    assert sum(not run.holds for run in runs) <= most_misses(len(runs)), told(runs)
    assert sum(not run.keeps for run in runs) <= most_misses(len(runs)), f"but for gain and zero: {told(runs)}"
    if len(runs) >= 30:  # of two or three runs one may have kept step with the meter
        assert median(run.ratio for run in runs) <= WIDEST, told(runs)


@pytest.mark.parametrize("seeds", [2, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", PROVEN)
def test_stated_intervals_hold_the_true_joules(name: str, seeds: int, tmp_path: Path) -> None:
    judge([measured(PROVEN[name], seed, tmp_path) for seed in range(seeds)])


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in ("um25c", "ppk2") else pytest.mark.slow) for name in PROVEN])
def test_the_bench_flow_states_the_same(name: str, tmp_path: Path, model_file: Path) -> None:
    for seed in (0, 199):
        kept = benched(PROVEN[name], seed, artifact=model_file, runs=tmp_path / "runs")
        assert kept.stated == measured(PROVEN[name], seed, tmp_path).stated
        assert kept.channel.startswith(f"{kind_of(name)}.")


def test_every_instrument_on_this_host_is_proven() -> None:
    hosts: set[str] = {kind for kind in METERS if not hasattr(meter_class(kind), "counter")}
    assert hosts - {kind_of(name) for name in PROVEN} - OTHERWISE == set()


def test_a_meter_that_errs_by_more_than_it_states_is_noticed(tmp_path: Path) -> None:
    class Bold(Measured):
        @property
        def holds(self) -> bool:
            return abs(self.stated.value - self.true_j) <= (self.stated.high - self.stated.low) / 8

    runs: list[Any] = [measured(PROVEN["serial-lines"], seed, tmp_path) for seed in range(30)]
    with pytest.raises(AssertionError, match="missed by"):
        judge([Bold(**{name: getattr(run, name) for name in Measured.__dataclass_fields__}) for run in runs])
