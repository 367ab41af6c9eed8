from __future__ import annotations

from edgekit.core.decision import Side
from edgekit.decision.decide import decide
from edgekit.decision.scenario.read import default_scenario
from edgekit.decision.sides.choose import options
from edgekit.decision.sides.standing import with_standing
from tests.reports.records import run


def test_a_difference_within_noise_is_not_called_more_energy(constants):
    runs = [run("least", joules=1.00e-5), run("close", joules=1.01e-5), run("far", joules=9e-5)]
    found, chosen = options(runs, Side.DEVICE, default_scenario(constants))
    reasons = {option.run: option.reason for option in with_standing(found, runs, chosen)}
    assert reasons["least"] == "lowest energy of this side"
    assert "cannot be told apart" in reasons["close"]
    assert reasons["far"] == "takes more energy than the chosen one"


def test_a_verdict_that_names_one_of_several_equals_says_so(constants):
    runs = [run("least", joules=1.00e-5), run("close", joules=1.01e-5), run("far", joules=9e-5)]
    (note,) = [note for note in decide(runs, default_scenario(constants), constants).notes if note.code == "options.within_noise"]
    assert note.text.count("cannot be told apart") == 1
    clear = decide([runs[0], runs[2]], default_scenario(constants), constants)
    assert "options.within_noise" not in [note.code for note in clear.notes]
