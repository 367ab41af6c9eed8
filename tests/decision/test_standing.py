from __future__ import annotations

from edgekit.core.decision import Side
from edgekit.decision.choose import options
from edgekit.decision.scenario import default_scenario
from edgekit.decision.standing import with_standing
from tests.reports.records import run


def test_a_difference_within_noise_is_not_called_more_energy(constants):
    runs = [run("least", joules=1.00e-5), run("close", joules=1.01e-5), run("far", joules=9e-5)]
    found, chosen = options(runs, Side.DEVICE, default_scenario(constants))
    reasons = {option.run: option.reason for option in with_standing(found, runs, chosen)}
    assert reasons["least"] == "lowest energy of this side"
    assert "cannot be told apart" in reasons["close"]
    assert reasons["far"] == "takes more energy than the chosen one"
