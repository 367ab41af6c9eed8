"""Make the reports that exports are tested on: two sides, regions and prices stated."""

from __future__ import annotations

from importlib.resources import files

from edgekit.decision.constants.pack import load_constants
from edgekit.decision.decide import decide
from edgekit.decision.scenario.read import parse_scenario
from edgekit.reports.model import Report, build
from tests.reports.records import cloud_gpu, edge_rapl, training

CONSTANTS = load_constants(files("edgekit.decision.constants").joinpath("constants.toml").read_text(encoding="utf-8"))
REGIONS = 'device.region = "DE"\ncloud.region = "NL"\nrate = "2 inference/s"\n'


def made(*runs, scenario: str = REGIONS, trained: bool = True) -> Report:
    stated = parse_scenario(scenario, where="scenario.toml", constants=CONSTANTS)
    runs = runs or (edge_rapl(), cloud_gpu())
    decision = decide(runs, stated, CONSTANTS, training=training() if trained else None, draws=2000)
    return build(decision, runs, commands=[("repeat this report", "edgekit report a b")])
