from __future__ import annotations

from dataclasses import replace

from edgekit.core.boundary import Boundary
from edgekit.core.quantity import Origin
from edgekit.reports.readings import readings
from tests.reports.records import estimate, run


def test_what_the_headline_rests_on_is_said_in_words():
    analysis = run("a", joules=1.0).analysis
    (channel,) = analysis.channels
    assert readings(replace(analysis, channels=(replace(channel, n_effective=None, edges="", coverage=1.0),))) == ()
    energy = channel.energy_j_per_inference
    told = replace(
        channel,
        window_j=(1.0,) * 10,
        n_effective=4.2,
        edges="aligned",
        coverage=0.9957,
        without_outliers=replace(energy, value=0.9, low=0.85, high=0.95),
    )
    beside = replace(
        channel,
        channel="rapl.core",
        boundary=Boundary.CPU_CORE,
        energy_j_per_inference=estimate(0.5, 0.05, "J", Origin.MEASURED, boundary=Boundary.CPU_CORE),
    )
    assert readings(replace(analysis, channels=(told, beside))) == (
        "10 windows, worth 4.2 independent ones",
        "windows aligned to the sensor's updates",
        "readings cover 99.57 % of the measured time",
        "without windows that stand out 900 mJ per inference",
        "rapl.core (cpu_core, inside the headline): 500 mJ per inference measured",
    )
