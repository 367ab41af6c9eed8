from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from edgekit.core.errors import UsageError
from edgekit.core.jsonio import dump_record, load_record
from edgekit.core.quantity import Note
from edgekit.core.run import RunStatus
from edgekit.decision.constants.pack import load_constants
from edgekit.decision.decide import decide
from edgekit.decision.scenario.read import default_scenario, parse_scenario
from edgekit.decision.turning.whatif import what_if
from edgekit.reports import charts, findings, html, markdown, text
from edgekit.reports.anchors import anchors
from edgekit.reports.model import Report, build
from edgekit.reports.svg import inline
from tests.reports.records import artifact, cloud_gpu, edge_emulated, edge_estimated, edge_rapl, training

ASSETS = files("edgekit.reports").joinpath("assets")
CONSTANTS = load_constants(files("edgekit.decision.constants").joinpath("constants.toml").read_text(encoding="utf-8"))
PUBLISHED = ASSETS.joinpath("published.toml").read_text(encoding="utf-8")
HOSTILE = "<script>alert(1)</script>"


def made(*runs, scenario=None, traces=()) -> Report:
    use = scenario or default_scenario(CONSTANTS)
    decision = decide(runs, use, CONSTANTS, training=training())
    return build(
        decision,
        runs,
        commands=[("repeat this report", "edgekit report a b")],
        traces=traces,
        what_if=what_if(runs, use, CONSTANTS, decision),
        anchors=anchors(PUBLISHED, [decision.model]),
    )


def flat(text: str) -> str:
    """Return a text with every space alike."""
    return re.sub(r"\s+", " ", text)


def page(report: Report) -> str:
    template, style, script = (ASSETS.joinpath(name).read_text(encoding="utf-8") for name in ("report.html.j2", "report.css", "report.js"))
    return html.render(report, template=template, style=style, script=script, charts=charts.draw(report))


@pytest.fixture(scope="module")
def report() -> Report:
    return made(edge_rapl(), edge_estimated(quick=True), cloud_gpu())


@pytest.fixture(scope="module")
def rendered(report) -> dict[str, str]:
    return {"html": page(report), "md": markdown.render(report), "text": text.render(report), "json": dump_record(report)}


@pytest.mark.slow
def test_the_same_report_gives_the_same_bytes_also_when_it_is_read_back_from_its_json(report, rendered):
    again = load_record(Report, rendered["json"], where="report.json")
    assert again == report
    assert page(again) == rendered["html"]
    assert markdown.render(again) == rendered["md"]


@pytest.mark.parametrize("kind", ["html", "md", "text"])
def test_every_rendering_holds_the_verdict_its_condition_and_the_key_figures(kind, report, rendered):
    found = flat(rendered[kind].replace("\\", "").replace("&#x27;", "'"))
    verdict = report.decision.verdict
    assert verdict.sentence in found
    assert verdict.condition in found
    assert verdict.headline in found
    for figure in ("30.0 µJ", "4.18 mJ", "140x"):
        assert figure in found


@pytest.mark.parametrize("kind", ["html"])
def test_the_page_holds_every_table_and_every_reason(kind, report, rendered):
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


def test_the_page_fetches_nothing_and_runs_nothing_but_the_script_that_its_policy_names(rendered):
    found = rendered["html"]
    assert "http://" not in found
    assert "https://" not in found
    assert not re.search(r"\ssrc=", found)
    assert not re.search(r"url\(", found)
    assert "@import" not in found
    assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', found))
    assert re.findall(r"<script[^>]*>", found) == ['<script type="application/json" id="report-data">', "<script>"]
    script = re.search(r"<script>(.*?)</script>", found, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in found
    assert not re.search(r"\son\w+=", found)
    assert "default-src 'none'" in found
    assert len(found.encode()) < 320_000


def test_the_page_carries_its_own_data(report, rendered):
    inside = re.search(r'id="report-data">(.*?)</script>', rendered["html"], re.DOTALL)
    assert load_record(Report, inside.group(1), where="page") == report


@pytest.mark.slow
def test_charts_are_labelled_themed_and_share_no_ids(report):
    drawn = charts.draw(report)
    assert {"runs", "slots", "views", "fronts", "anchors"} <= set(drawn)
    every = [chart for group in drawn.values() for chart in group]
    for chart in every:
        assert chart.caption
        for svg in (chart.wide, chart.narrow):
            assert svg.startswith('<svg role="img" aria-label="')
            assert "var(--" in svg
            assert "white" not in svg
            assert not re.findall(r'(?:fill|stroke)="#(?!000\b|888)[0-9a-f]{6}"', svg)
    ids = [name for chart in every for svg in (chart.wide, chart.narrow) for name in re.findall(r' id="([^"]+)"', svg)]
    assert len(ids) == len(set(ids))


@pytest.mark.slow
def test_charts_come_out_the_same_twice(report):
    assert charts.draw(report) == charts.draw(report)


def test_ids_colours_and_labels_of_a_drawing_are_rewritten():
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" class="marks"><defs><g id="clip0"/></defs>'
        '<g role="graphics-object"><path fill="#000004" stroke="#ffffff" d="M0,0L10.04,0.06L20.08,0L30.12,0.06L40.16,0" '
        'clip-path="url(#clip0)"/>'
        '<path d="M0,0h9v9h-9Z" class="background"/></g><rect width="9" height="9" fill="#000004" opacity="0.35"/>'
        '<g><line x2="9" y2="0" stroke="#000004"/><line x2="8" y2="0" stroke="#000004"/></g></svg>'
    )
    found = inline(drawing, prefix="p", label='a "b"', colours={"#000004": "--device"})
    assert found == (
        '<svg role="img" aria-label="a &quot;b&quot;"><defs><g id="p-clip0"/></defs>'
        '<path stroke="#ffffff" d="M0,0l10,.1 10.1,-.1 10,.1 10.1,-.1" clip-path="url(#p-clip0)" style="fill:var(--device)"/>'
        '<rect width="9" height="9" opacity="0.35" style="fill:var(--device)"/>'
        '<g style="stroke:var(--device)"><line x2="9"/><line x2="8"/></g></svg>'
    ), "one colour said once, steps whose rounding does not add up, and nothing that is not seen"


@pytest.mark.slow
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
    assert found.count("<script") == 2
    outside_code = re.sub(r"`[^`]*`|```.*?```", "", markdown.render(hostile), flags=re.DOTALL)
    assert "<script>alert" not in outside_code
    rows = [line for line in markdown.render(hostile).splitlines() if line.startswith("| ") and "alert" in line]
    assert all(len(re.findall(r"(?<!\\)\|", row)) <= 9 for row in rows)


@pytest.mark.slow
def test_a_control_character_in_a_stored_name_does_not_bring_the_chart_renderer_down():
    model = artifact(model="a\x1bb", recipe="int\x1b8", path="a\x1bb.tflite")
    found = page(made(replace(edge_rapl("odd", model=model), device=replace(edge_rapl().device, name="d\x1be")), cloud_gpu()))
    assert "<svg" in found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["html", "md", "text"])
def test_emulated_runs_carry_a_banner_no_renderer_can_drop(kind):
    emulated = made(edge_emulated(), cloud_gpu())
    found = {"html": page, "md": markdown.render, "text": text.render}[kind](emulated)
    lead = found[: found.index("Keep digits")] if "Keep digits" in found else found[: found.index("Keep digits\\_cnn")]
    assert "emulated: such figures come from a simulation" in lead
    assert found.count("emulated") >= 5


@pytest.mark.parametrize("kind", ["html", "md", "text"])
def test_a_quick_plan_is_stated_before_the_verdict(kind, rendered):
    assert "quick: 3 windows of 1 s instead of 10 windows of 10 s" in flat(rendered[kind][: rendered[kind].index("Keep digits")])


def test_every_energy_on_the_page_shows_its_origin_and_boundary(rendered):
    cells = re.findall(r'<td class="number[^"]*">(.*?)</td>', rendered["html"], re.DOTALL)
    shown = [cell for cell in cells if re.search(r">[\d.,]+\s[nµmk]?(J|W|Wh)<", cell)]
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
        assert "21 µJ" in flat(found)
    for found in (page(lonely), markdown.render(lonely)):
        assert "edgekit convert PATH/TO/digits_cnn.keras -r fp32 --to onnx" in found
        assert "edgekit bench PATH/TO/digits_cnn.fp32.onnx --device cuda --meter nvml" in found
        assert "tflite --device cuda" not in found


def test_the_document_is_json_with_a_schema_and_nulls_for_unknowns(rendered):
    data = json.loads(rendered["json"])
    assert data["schema"] == "edgekit.report/1"
    unknown = next(view for view in made(edge_estimated(), cloud_gpu()).decision.views if view.device == "incremental")
    assert unknown.p_edge.value is None
    assert '"value": null' in rendered["json"]


@pytest.fixture(scope="module")
def many() -> dict[str, str]:
    """Return the renderings of a report over runs whose notes and reasons repeat."""
    said = (Note(code="meter.best", text="meter cputime, the best available"), Note(code="meter.rapl", text="rapl is not there"))
    runs = [
        replace(
            edge_estimated(f"edge-{recipe}", model=artifact(recipe=recipe), joules=joules),
            notes=(*said, Note(code="drift", text=f"time per inference drifted by {drift} % over the run")),
        )
        for recipe, joules, drift in (("int8", 2.1e-5, "+51"), ("fp16", 3.1e-5, "-39"), ("fp32", 4.1e-5, "+12"))
    ]
    made_of = made(*runs, cloud_gpu(), scenario=parse_scenario("fleet = 100", where="s.toml", constants=CONSTANTS))
    return {"html": page(made_of), "md": markdown.render(made_of), "text": text.render(made_of)}


@pytest.mark.parametrize("kind", ["html"])
def test_what_many_runs_say_is_said_once_with_the_runs_it_belongs_to(kind, many):
    body = many[kind].split('<script type="application/json"')[0]
    assert body.count("rapl is not there") == 1
    assert re.search("every device run: rapl is not there", body, re.IGNORECASE)
    assert body.count("time per inference drifted") + body.count("Time per inference drifted") == 1
    for change in ("+51 % (int8 tflite on local)", "-39 % (fp16 tflite on local)", "+12 % (fp32 tflite on local)"):
        assert change in flat(body)


@pytest.mark.parametrize(("kind", "marker"), [("html", 'href="#runs-a"')])
def test_a_reason_that_repeats_is_said_once_and_pointed_to_from_every_cell(kind, marker, many):
    body = many[kind].split('<script type="application/json"')[0]
    runs = body[body.index("Every run") :]
    runs = runs[: runs.index("Latency, accuracy and size")]
    assert runs.count(marker) == 3
    assert len(re.findall(r"(?<!: )a CPU-time estimate sees busy time only", runs, re.IGNORECASE)) == 1
    assert kind != "html" or 'id="runs-a"' in runs


def test_the_terminal_says_why_figures_are_unknown(many):
    assert "unknown: idle power of every device run: a CPU-time estimate sees busy time only, never idle power" in many["text"]
    assert "unknown: 4 of 8 accounting views: needs the net joules per inference of the device run" in many["text"]
    assert "Money is unknown (device: the scenario gives no prices.electricity; cloud:" in many["text"]


@pytest.mark.parametrize("kind", ["html", "md", "text"])
def test_large_numbers_can_be_read(kind, many):
    assert "3.16 billion inferences" in flat(many[kind])
    shown = flat(many[kind].split('<script type="application/json"')[0])
    shown = re.sub(r"<svg.*?</svg>|<style>.*?</style>|<time.*?</time>|<script>.*?</script>|seed \d+|ISO/IEC \d+", "", shown)
    assert not re.search(r"(?<![\w.,-])\d{5,}x?(?![\w-])", shown)
    assert not re.search(r"\d(?:\.\d+)?e[+-]\d", shown)


def test_totals_go_from_day_to_year_to_a_million_with_both_sides_in_one_row(report):
    table = findings.totals(report)
    assert [row[0].text for row in table.rows] == ["per million inferences", "per device and year", "per day"]
    assert [(column.title, column.side) for column in table.columns[1:3]] == [("electricity", "device"), ("electricity", "cloud")]
    assert all(len(row) == len(table.columns) for row in table.rows)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["html", "md", "text"])
def test_carbon_says_that_its_interval_leaves_the_grid_factor_out(kind):
    placed = parse_scenario('device.region = "DE"\ncloud.region = "NL"', where="s.toml", constants=CONSTANTS)
    decided = made(edge_rapl(), cloud_gpu(), scenario=placed)
    found = {"html": page, "md": markdown.render, "text": text.render}[kind](decided)
    body = found.split('<script type="application/json"')[0]
    assert body.count("Carbon: the interval is that of the energy: yearly country factors state no range") == 1
    assert " ".join(body.split()).count("SCI is unknown (device: M is not included: the device exists anyway") == 1


def test_prices_bring_money_with_both_sides(report):
    priced = parse_scenario(
        'prices.electricity = "0.30 EUR/kWh"\nprices.gpu_hour = "2 USD/h"\nprices.date = "2026-05-01"', where="s.toml", constants=CONSTANTS
    )
    table = findings.totals(made(edge_rapl(), cloud_gpu(), scenario=priced))
    assert [(column.title, column.side) for column in table.columns[-2:]] == [("money", "device"), ("money", "cloud")]
    assert table.rows[0][-2].text.endswith("EUR")
    assert table.rows[0][-1].text.endswith("USD")


def test_a_view_that_cannot_be_computed_says_why_in_its_row():
    table = findings.views(made(edge_estimated(), cloud_gpu()))
    rows = [row for row in table.rows if row[1].text == "not computable"]
    assert rows
    assert all(row[1].detail == "needs the net joules per inference of the device run" for row in rows)
    assert [row[0].detail for row in rows] == ["marginal or average network, incremental device, shared or dedicated cloud"]
    assert all(sum(cell.span for cell in row) == len(table.columns) for row in table.rows)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["html", "md", "text"])
def test_an_interrupted_run_is_stated_before_the_verdict(kind):
    cut = made(replace(edge_rapl("cut"), status=RunStatus.INTERRUPTED), cloud_gpu())
    found = flat({"html": page, "md": markdown.render, "text": text.render}[kind](cut).replace("\\", ""))
    lead = found[: found.index("Keep digits_cnn")]
    assert "1 of 2 runs was cut short" in lead
    assert "cut (interrupted)" in lead
    assert kind != "html" or "<strong>Interrupted</strong>" in lead


@pytest.mark.slow
def test_no_chart_calls_a_view_primary_that_is_not():
    own = charts.draw(made(edge_rapl(), cloud_gpu()))["slots"][0].caption
    assert own.startswith("The primary accounting view.")
    dedicated = parse_scenario('device.role = "dedicated"', where="s.toml", constants=CONSTANTS)
    report = made(edge_estimated(), cloud_gpu(), scenario=dedicated)
    caption = charts.draw(report)["slots"][0].caption
    assert caption.startswith("Marginal network, gross device, shared cloud; the primary view of this scenario cannot be computed")
    assert "the primary accounting view" not in page(report).lower()
    assert [item.cell.text for item in findings.key_figures(report)] == ["unknown", "4.18 mJ", "unknown"]


def test_a_report_without_figures_has_no_empty_heading():
    assert "Key figures" not in page(made(cloud_gpu()))


def test_lines_for_the_terminal_break_between_words_at_any_width(many, report):
    for width in (60, 80, 100):
        lines = text.render(report, width=width).splitlines()
        assert max(map(len, lines)) <= width
        assert flat(report.decision.verdict.sentence) in flat(" ".join(lines))


def test_money_says_that_no_currency_was_converted():
    prices = 'prices.electricity = "0.30 {}/kWh"\nprices.gpu_hour = "2 USD/h"\nprices.date = "2026-05-01"'
    mixed, one = (parse_scenario(prices.format(currency), where="s.toml", constants=CONSTANTS) for currency in ("EUR", "USD"))
    assert "Money: EUR for the device, USD for the cloud; no currency was converted" in flat(
        text.render(made(edge_rapl(), cloud_gpu(), scenario=mixed))
    )
    assert "converted" not in text.render(made(edge_rapl(), cloud_gpu(), scenario=one))


def test_a_report_of_the_first_day_is_read_and_drawn_and_one_of_another_schema_or_of_half_its_fields_is_refused():
    stored = (Path(__file__).parent / "data" / "report_of_its_first_day.json").read_text(encoding="utf-8")
    old = load_record(Report, stored, where="old.json")
    template, style, script = (ASSETS.joinpath(name).read_text(encoding="utf-8") for name in ("report.html.j2", "report.css", "report.js"))
    drawn = html.render(old, template=template, style=style, script=script, charts={})
    told = flat(markdown.render(old))
    for shown in (drawn.replace("&#39;", "'").replace("\u00a0", " "), told):
        assert "depends on whether the cloud's GPUs are shared" in shown
        assert "1.86 J" in shown
        assert "network_fixed_marginal" in shown.replace("\\", "")
    assert "What if?" not in drawn, "it holds no grid"
    with pytest.raises(UsageError, match=r"is not a edgekit\.report/1 document") as refused:
        load_record(Report, stored.replace("edgekit.report/1", "edgekit.report/0"), where="old.json")
    assert refused.value.why == "its schema is 'edgekit.report/0'"
    with pytest.raises(UsageError) as refused:
        load_record(Report, stored.replace('"verdict"', '"judgement"'), where="old.json")
    assert "decision.verdict: Field required" in refused.value.why
