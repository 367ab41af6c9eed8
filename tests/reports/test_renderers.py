from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files

import pytest

from edgekit.core.jsonio import dump_record, load_record
from edgekit.decision.constants import load_constants
from edgekit.decision.decide import decide
from edgekit.decision.scenario import default_scenario, parse_scenario
from edgekit.reports import charts, html, markdown, text
from edgekit.reports.model import Report, build
from edgekit.reports.svg import inline
from tests.reports.records import artifact, cloud_gpu, edge_emulated, edge_estimated, edge_rapl, training

ASSETS = files("edgekit.reports").joinpath("assets")
CONSTANTS = load_constants(files("edgekit.decision").joinpath("constants.toml").read_text(encoding="utf-8"))
HOSTILE = "<script>alert(1)</script>"


def made(*runs, scenario=None) -> Report:
    decision = decide(runs, scenario or default_scenario(CONSTANTS), CONSTANTS, training=training())
    return build(decision, runs, commands=[("repeat this report", "edgekit report a b")])


def page(report: Report) -> str:
    template, style = (ASSETS.joinpath(name).read_text(encoding="utf-8") for name in ("report.html.j2", "report.css"))
    return html.render(report, template=template, style=style, charts=charts.draw(report))


@pytest.fixture(scope="module")
def report() -> Report:
    return made(edge_rapl(), edge_estimated(quick=True), cloud_gpu())


@pytest.fixture(scope="module")
def rendered(report) -> dict[str, str]:
    return {"html": page(report), "md": markdown.render(report), "text": text.render(report), "json": dump_record(report)}


def test_the_same_report_gives_the_same_bytes_also_when_it_is_read_back_from_its_json(report, rendered):
    again = load_record(Report, rendered["json"], where="report.json")
    assert again == report
    assert page(again) == rendered["html"]
    assert markdown.render(again) == rendered["md"]


@pytest.mark.parametrize("kind", ["html", "md", "text"])
def test_every_rendering_holds_the_verdict_its_condition_and_the_key_figures(kind, report, rendered):
    flat = re.sub(r"\s+", " ", rendered[kind].replace("\\", "").replace("&#39;", "'"))
    verdict = report.decision.verdict
    assert verdict.sentence in flat
    assert verdict.condition in flat
    assert verdict.headline in flat
    for figure in ("30.0 µJ", "4.18 mJ", "140x"):
        assert figure in flat


@pytest.mark.parametrize("kind", ["html", "md"])
def test_both_documents_hold_every_table_and_every_reason(kind, report, rendered):
    for words in (
        "What is not included",
        "a device has no data centre around it: PUE does not apply",
        "Does the accounting change the answer?",
        "Uncertainty of the measured energy",
        "Assumptions",
        "Published numbers used",
        "Environment",
        "edgekit report a b",
        "Malmodin 2020",
        "a CPU-time estimate sees busy time only",
    ):
        assert words in rendered[kind], words
    for run in report.runs:
        assert run.run in rendered[kind].replace("\\", "")


def test_the_page_fetches_nothing_and_runs_nothing(rendered):
    found = rendered["html"]
    assert "http://" not in found
    assert "https://" not in found
    assert not re.search(r"\ssrc=", found)
    assert not re.search(r"url\(", found)
    assert "@import" not in found
    assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', found))
    assert re.findall(r"<script[^>]*>", found) == ['<script type="application/json" id="report-data">']
    assert not re.search(r"\son\w+=", found)
    assert "default-src 'none'" in found
    assert len(found.encode()) < 400_000


def test_the_page_carries_its_own_data(report, rendered):
    inside = re.search(r'id="report-data">(.*?)</script>', rendered["html"], re.DOTALL)
    assert load_record(Report, inside.group(1), where="page") == report


def test_charts_are_labelled_themed_and_share_no_ids(report):
    drawn = charts.draw(report)
    assert set(drawn) == {"runs", "slots"}
    for chart in drawn.values():
        assert chart.svg.startswith('<svg role="img" aria-label="')
        assert "var(--device)" in chart.svg
        assert "white" not in chart.svg
        assert not re.findall(r'(?:fill|stroke)="#(?!000\b|888)[0-9a-f]{6}"', chart.svg)
        assert chart.caption
    ids = [name for chart in drawn.values() for name in re.findall(r' id="([^"]+)"', chart.svg)]
    assert len(ids) == len(set(ids))


def test_charts_come_out_the_same_twice(report):
    assert charts.draw(report) == charts.draw(report)


def test_ids_colours_and_labels_of_a_drawing_are_rewritten():
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" class="marks"><defs><g id="clip0"/></defs>'
        '<path fill="#000004" stroke="#ffffff" clip-path="url(#clip0)"/></svg>'
    )
    found = inline(drawing, prefix="p", label='a "b"', colours={"#000004": "--device"})
    assert found == (
        '<svg role="img" aria-label="a &quot;b&quot;"><defs><g id="p-clip0"/></defs>'
        '<path stroke="#ffffff" clip-path="url(#p-clip0)" style="fill:var(--device)"/></svg>'
    )


def test_hostile_names_are_shown_as_text():
    model = artifact(model=HOSTILE, path=f"{HOSTILE}.tflite")
    hostile = made(
        replace(edge_rapl(f"{HOSTILE}-run", model=model), device=replace(edge_rapl().device, name=f"{HOSTILE}\u202e|`")),
        cloud_gpu(),
        scenario=parse_scenario(f"name = '{HOSTILE}'", where=HOSTILE, constants=CONSTANTS),
    )
    found = page(hostile)
    assert "<script>alert" not in found
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in found
    assert found.count("<script") == 1
    outside_code = re.sub(r"`[^`]*`|```.*?```", "", markdown.render(hostile), flags=re.DOTALL)
    assert "<script>alert" not in outside_code
    rows = [line for line in markdown.render(hostile).splitlines() if line.startswith("| ") and "alert" in line]
    assert all(len(re.findall(r"(?<!\\)\|", row)) <= 9 for row in rows)


@pytest.mark.parametrize("kind", ["html", "md", "text"])
def test_emulated_runs_carry_a_banner_no_renderer_can_drop(kind):
    emulated = made(edge_emulated(), cloud_gpu())
    found = {"html": page, "md": markdown.render, "text": text.render}[kind](emulated)
    lead = found[: found.index("Keep digits")] if "Keep digits" in found else found[: found.index("Keep digits\\_cnn")]
    assert "emulated: such figures come from a simulation" in lead
    assert found.count("emulated") >= 5


@pytest.mark.parametrize("kind", ["html", "md", "text"])
def test_a_quick_plan_is_stated_before_the_verdict(kind, rendered):
    assert "quick plan: 3 windows of 1 s instead of 10 windows of 10 s" in rendered[kind][: rendered[kind].index("Keep digits")]


def test_every_energy_on_the_page_shows_its_origin_and_boundary(rendered):
    cells = re.findall(r'<td class="number">(.*?)</td>', rendered["html"], re.DOTALL)
    shown = [cell for cell in cells if re.search(r">[\d.,]+ [nµmk]?(J|W|Wh)<", cell)]
    assert len(shown) > 20
    for cell in shown:
        assert re.search(r"measured|estimated|sourced|type [AB]", cell), cell
        assert "at " in cell or "type " in cell, cell


def test_unknown_is_never_shown_as_zero(rendered):
    assert "unknown" in rendered["html"]
    assert not re.search(r'class="value[^"]*">(0|0\.0|0 J|nan|None)<', rendered["html"])


def test_a_report_without_a_cloud_side_still_says_what_is_known():
    lonely = made(edge_estimated())
    for found in (page(lonely), markdown.render(lonely), text.render(lonely)):
        assert "record a cloud run" in found
        assert "21 µJ" in found
    for found in (page(lonely), markdown.render(lonely)):
        assert "edgekit bench digits_cnn.int8.tflite --device cuda --meter nvml" in found


def test_the_document_is_json_with_a_schema_and_nulls_for_unknowns(rendered):
    data = json.loads(rendered["json"])
    assert data["schema"] == "edgekit.report/1"
    unknown = next(view for view in made(edge_estimated(), cloud_gpu()).decision.views if view.device == "incremental")
    assert unknown.p_edge.value is None
    assert '"value": null' in rendered["json"]
