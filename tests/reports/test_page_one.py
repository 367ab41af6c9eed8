"""Page one speaks to four readers, and every figure says which run or which published number it comes from."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Estimate, Origin
from edgekit.core.trace import Trace
from edgekit.core.window import Phase, Window
from edgekit.decision.scenario.read import parse_scenario
from edgekit.energy.thin import thinned
from edgekit.reports import charts, evidence, findings, weighing
from edgekit.reports.anchors import anchors
from edgekit.reports.charts.fronts import numbered
from edgekit.reports.charts.trace import outline
from edgekit.reports.effort import finding_out
from edgekit.reports.freshness import freshness
from edgekit.reports.fronts import candidates
from edgekit.reports.metering import picture
from edgekit.reports.power_trace import power_trace
from tests.reports.records import cloud_gpu, edge_emulated, edge_rapl, edge_wall, profiled
from tests.reports.test_renderers import CONSTANTS, PUBLISHED, made, page


def trace(values, channel="rapl0"):
    count = len(values)
    return Trace(
        channel=channel,
        clock="c",
        t_ns=np.arange(count, dtype=np.int64) * 10_000_000,
        bracket_ns=np.zeros(count, np.int64),
        value=np.asarray(values, np.float64),
        flags=np.zeros(count, np.uint8),
    )


def channel(measurand=Measurand.POWER, **changes):
    settings = {"id": "rapl0", "meter": "rapl", "boundary": Boundary.CPU_PACKAGE, "unit": "W", "origin": Origin.MEASURED}
    return Channel(measurand=measurand, **{**settings, **changes})


def with_trace(record):
    spec = MeterSpec(kind="rapl", channels=(channel(),), accuracy=Accuracy(source="test"))
    window = Window(phase=Phase.MEASURE, index=0, clock="c", start_ns=2_000_000_000, end_ns=8_000_000_000, inferences=10)
    return replace(record, meters=(spec,), windows=(window,))


def test_a_thinned_trace_keeps_the_highest_and_the_lowest_reading_of_any_number():
    values = np.full(123_457, 5.0)
    values[77_777], values[12_345] = 99.0, 0.25
    t_ns, watts = thinned(trace(values), channel(scale=2.0), 1_000)
    assert len(watts) <= 1_000
    assert (watts.max(), watts.min()) == (198.0, 0.5)
    assert np.all(np.diff(t_ns) > 0)


def test_a_narrow_drawing_of_a_trace_keeps_its_peaks():
    points = [(place / 10, 5.0) for place in range(1_000)]
    points[501], points[777] = (50.1, 99.0), (77.7, 0.25)
    drawn = outline(points, 400)
    assert len(drawn) <= 400
    assert {(50.1, 99.0), (77.7, 0.25)} <= set(drawn)
    assert drawn == sorted(drawn)


def test_the_numbers_of_runs_that_lie_on_one_another_share_a_label():
    rows = [{"x": 1e-5, "y": 2e-6, "n": 1}, {"x": 1e-5, "y": 2e-6, "n": 2}, {"x": 3.0, "y": 0.5, "n": 3}]
    assert [label["n"] for label in numbered(rows, upright=False)] == ["1, 2", "3"]
    close = [{"x": 1.2e-3, "y": 2e-4, "n": 1}, {"x": 1.5e-3, "y": 2.2e-4, "n": 2}, {"x": 1.6e-3, "y": 2.3e-4, "n": 3}]
    assert [label["n"] for label in numbered(close, upright=False)] == ["1, 2", "3"], "near on an axis of whole decades"


def test_page_one_says_what_finding_out_costs():
    scenario = parse_scenario('prices.gpu_hour = "4 EUR/h"\nprices.date = "2026-05-01"', where="scenario.toml", constants=CONSTANTS)
    report = made(edge_rapl(), cloud_gpu(), scenario=scenario)
    commands = (("measure the device:", "edgekit meters --all"), ("record:", "edgekit bench MODEL.onnx --device cuda --meter nvml"))
    asked = replace(report.decision.verdict, commands=commands, next_measurement="x: decide which network accounting applies to you")
    told = finding_out(replace(report, decision=replace(report.decision, verdict=asked)))
    assert told.startswith("nothing for the network")
    assert "about 3 minutes" in told
    assert told.endswith("about 13 minutes of a machine with an NVIDIA GPU, 0.87 EUR of rent")
    silent = replace(asked, commands=(), next_measurement=None)
    assert finding_out(replace(report, decision=replace(report.decision, verdict=silent))) == ""


def test_what_is_carbon_rests_on_the_factors_of_the_grids():
    scenario = parse_scenario('device.region = "DE"\ncloud.region = "NL"', where="scenario.toml", constants=CONSTANTS)
    report = made(edge_rapl(), cloud_gpu(), scenario=scenario)
    for table in (findings.totals(report), weighing.criteria(report), weighing.accounts(report)):
        assert {"grid_DE", "grid_NL"} <= set(table.evidence), table.id


def test_a_thinned_counter_is_its_mean_power_and_keeps_its_energy():
    joules = np.cumsum(np.linspace(1.0, 3.0, 5_000)) * 0.01
    counter = channel(Measurand.ENERGY_COUNTER, unit="J")
    t_ns, watts = thinned(trace(joules), counter, 100)
    assert len(watts) <= 100
    assert watts[0] < watts[-1]
    assert np.sum(watts * np.diff(t_ns, prepend=0)) / 1e9 == pytest.approx(joules[-1] - joules[0], rel=1e-9)


@pytest.mark.slow
def test_the_power_of_a_run_is_drawn_with_its_windows_from_the_json_alone():
    record = with_trace(edge_rapl())
    found = power_trace(record, {"rapl0": trace(np.linspace(2.0, 4.0, 10_000))})
    assert found is not None
    assert (found.readings, len(found.t_s) <= 1_000) == (10_000, True)
    assert [(window.phase, window.start_s, window.end_s) for window in found.windows] == [(Phase.MEASURE, 2.0, 8.0)]
    drawn = charts.draw(made(record, cloud_gpu(), traces=(found,)))["traces"]
    assert "cpu_package (measured), 1,000 points from 10,000 readings" in drawn[0].caption


def test_a_run_without_readings_has_no_drawing():
    assert power_trace(with_trace(edge_rapl()), {}) is None


@pytest.mark.slow
def test_page_one_holds_what_four_readers_look_for():
    text = page(made(edge_rapl(), cloud_gpu())).split('id="slots"')[0]
    for words in (
        "Regime:",
        "robust in 8 of 8",
        "per million inferences",
        "per device and year",
        "What would change the answer",
        "What is not included",
        "Instruments and metering points",
        "How fresh the numbers are",
    ):
        assert words in text, words


def test_a_device_year_is_a_year_of_the_fleet_over_its_devices():
    use = parse_scenario("fleet = 100", where="s.toml", constants=CONSTANTS)
    table = findings.totals(made(edge_rapl(), cloud_gpu(), scenario=use))
    rows = {row[0].text: row for row in table.rows}
    assert rows["per device and year"][0].detail == "31.6 million inferences"
    assert rows["per year"][0].detail == "3.16 billion inferences"


@pytest.mark.slow
def test_every_reference_leads_to_a_run_or_a_constant_on_the_page():
    text = page(made(edge_rapl(), cloud_gpu()))
    ids = set(re.findall(r' id="([^"]+)"', text))
    links = set(re.findall(r'href="#([^"]+)"', text))
    assert links <= ids
    assert {"run-1", "run-2", "constant-1"} <= links


def test_every_table_of_figures_names_what_it_rests_on():
    report = made(edge_rapl(), cloud_gpu())
    known = {row.run for row in report.runs} | {item.id for item in report.decision.constants}
    for table in (findings.views(report), findings.totals(report), findings.flips(report), findings.influences(report)):
        assert table.evidence, table.id
        assert {name for name in table.evidence if not name.startswith("scenario:")} <= known
    for table in (evidence.runs(report), evidence.performance(report), evidence.budgets(report)):
        assert all(row[0].ref in known for row in table.rows), table.id


def test_the_picture_shows_what_lies_outside_of_each_meter():
    def outside(record):
        return picture(made(record, cloud_gpu())).wide.split(">Cloud: ")[0].count("stroke-dasharray")

    assert outside(edge_wall()) == 1
    assert outside(edge_rapl()) == 3


@pytest.mark.slow
def test_a_stale_constant_is_told_on_page_one_and_in_its_row():
    report = made(edge_rapl(), cloud_gpu())
    aged = tuple(replace(item, stale=not place) for place, item in enumerate(report.decision.constants))
    whole = tuple(entry for entry in report.decision.slots if isinstance(entry.energy_j, Estimate))
    old = replace(report, decision=replace(report.decision, constants=aged, slots=whole))
    text = page(old)
    assert "Stale: older than 24 months at the date of the newest run." in text
    assert text.count(">stale</span>") == 1
    assert ">1 stale<" in text.split('id="slots"')[0]
    assert "Nothing is left out." in text, "a heading with nothing below it"


def test_a_price_of_any_kind_is_told_with_its_date():
    scenario = parse_scenario('prices.device = "60 EUR"\nprices.date = "2026-05-01"', where="s.toml", constants=CONSTANTS)
    assert freshness(made(edge_rapl(), cloud_gpu(), scenario=scenario)).prices == "Prices of 2026-05-01, as the scenario states them"


def test_published_figures_are_those_of_the_same_benchmark_where_there_are_any():
    own = anchors(PUBLISHED, ["kws_dscnn"])
    assert {anchor.benchmark for anchor in own} == {"kws"}
    assert all(anchor.same_model for anchor in own)
    others = anchors(PUBLISHED, ["something of mine"])
    assert not any(anchor.same_model for anchor in others)
    assert {anchor.boundary for anchor in others} == {Boundary.WALL, Boundary.MCU_SUPPLY}
    assert all(1e-6 < anchor.energy_j < 10 and anchor.source for anchor in (*own, *others))


def test_a_run_beats_only_runs_of_its_side_and_boundary():
    report = made(edge_rapl("low", joules=1e-5), edge_rapl("high", joules=9e-5), edge_wall(), cloud_gpu())
    beaten = {item.run: item.beaten_by for item in candidates(report)}
    assert beaten["high"] == "low"
    assert [run for run, by in beaten.items() if by] == ["high"]


def test_the_grid_of_what_ifs_holds_the_scenarios_own_point_as_the_report_states_it():
    report = made(edge_rapl(), cloud_gpu())
    grid = report.what_if
    axes = {axis.name: axis for axis in grid.axes}
    plane = grid.planes[0]
    place = 0
    for name in plane.axes:
        place = place * len(axes[name].points) + axes[name].points.index(axes[name].stated)
    primary = next(view for view in report.decision.views if view.primary)
    assert plane.cloud_j[place] == pytest.approx(primary.cloud_j.value, rel=1e-4)
    assert plane.edge_j[place] == pytest.approx(primary.edge_j.value, rel=1e-4)
    assert all(len(plane.cloud_j) == np.prod([len(axes[name].points) for name in plane.axes]) for plane in grid.planes)


def test_more_payload_never_helps_the_cloud_anywhere_in_the_grid():
    for plane in made(edge_rapl(), cloud_gpu()).what_if.planes:
        if plane.axes == ("payload",):
            assert list(plane.cloud_j) == sorted(plane.cloud_j)
            assert list(plane.p_edge) == sorted(plane.p_edge)


@pytest.mark.slow
def test_the_data_in_the_page_leaves_out_nothing_but_defaults():
    inside = re.search(r'id="report-data">(.*?)</script>', page(made(edge_emulated(), cloud_gpu())), re.DOTALL).group(1)
    assert "\n" not in inside
    assert json.loads(inside)["schema"] == "edgekit.report/1"


@pytest.mark.slow
def test_a_page_with_every_chart_stays_below_320_kb_and_comes_out_the_same_twice():
    noisy = {"rapl0": trace(np.random.default_rng(1).normal(4.0, 1.0, 50_000))}
    record = with_trace(profiled(edge_rapl()))
    runs = (record, edge_rapl("other", joules=9e-5), edge_emulated(), edge_wall(), cloud_gpu())
    report = made(*runs, traces=(power_trace(record, noisy), replace(power_trace(record, noisy), run=cloud_gpu().id)))
    assert {"slots", "views", "flips", "tornado", "fronts", "runs", "traces", "anchors", "operators"} <= set(charts.draw(report))
    found = page(report)
    assert len(found.encode()) < 320_000
    assert found == page(report)
