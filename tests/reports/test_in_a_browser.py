from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from edgekit.core.quantity import Note
from edgekit.decision.scenario.read import parse_scenario
from tests.reports.records import artifact, cloud_gpu, edge_emulated, edge_estimated, edge_rapl, profiled
from tests.reports.test_renderers import CONSTANTS, made, page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


# Return the elements whose words reach out of a box that does not show what overflows.
CLIPPED = """() => {
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest("svg, .skip, script") || !element.offsetParent) continue;
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own) continue;
    const range = document.createRange();
    range.selectNodeContents(element);
    for (const box of range.getClientRects()) {
      for (let outer = element; outer && outer !== document.body; outer = outer.parentElement) {
        if (outer.matches(".scroll, pre")) break;
        const edge = outer.getBoundingClientRect();
        if (getComputedStyle(outer).display === "inline" || !edge.width) continue;
        if (box.right > edge.right + 1 || box.left < edge.left - 1) found.push(element.outerHTML.slice(0, 120));
      }
    }
  }
  for (const drawing of document.querySelectorAll("svg")) {
    if (!drawing.getClientRects().length) continue;
    const edge = drawing.getBoundingClientRect();
    for (const words of drawing.querySelectorAll("text")) {
      const box = words.getBoundingClientRect();
      if (box.right > edge.right + 2 || box.left < edge.left - 2) found.push(words.textContent);
    }
  }
  return [...new Set(found)];
}"""


@pytest.fixture(scope="module")
def report_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    scenario = parse_scenario(
        'fleet = 100\nnetwork = "fixed"\ndevice.region = "DE"\ncloud.region = "NL"\nprices.electricity = "0.30 EUR/kWh"\n'
        'prices.gpu_hour = "2 USD/h"\nprices.date = "2026-05-01"',
        where="scenario.toml",
        constants=CONSTANTS,
    )
    remark = Note(code="long", text="meter cputime, the best available: cpu_package (estimated); not usable: rapl: no such folder")
    estimated = replace(edge_estimated("20260504T132425-00-digits_cnn.fp16.tflite-local", quick=True), notes=(remark,))
    path.write_text(
        page(made(profiled(edge_rapl()), estimated, edge_estimated(), cloud_gpu(), edge_emulated(), scenario=scenario)), encoding="utf-8"
    )
    return path


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield found
        found.close()


@pytest.fixture
def open_page(browser, report_file):
    contexts = []

    def open_it(*, scheme="light", viewport=DESKTOP, media="screen", scripts=True):
        context = browser.new_context(color_scheme=scheme, viewport=viewport, offline=True, java_script_enabled=scripts)
        contexts.append(context)
        tab = context.new_page()
        tab.problems = []
        tab.on("console", lambda message: tab.problems.append(message.text))
        tab.on("pageerror", lambda error: tab.problems.append(str(error)))
        tab.on("request", lambda request: None if request.url.startswith("file:") else tab.problems.append(request.url))
        tab.emulate_media(media=media, color_scheme=scheme)
        tab.goto(report_file.as_uri())
        return tab

    yield open_it
    for context in contexts:
        context.close()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_window_stays_silent_and_passes_axe(open_page, scheme, viewport):
    from axe_playwright_python.sync_playwright import Axe

    tab = open_page(scheme=scheme, viewport=viewport)
    assert tab.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert tab.problems == []
    assert tab.evaluate("[...document.querySelectorAll('.scale .scroll')].every(box => box.scrollWidth <= box.clientWidth)"), "page one"
    violations = Axe().run(tab).response["violations"]
    assert [(item["id"], item["impact"], item["nodes"][0]["html"][:120]) for item in violations] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_desk_no_table_needs_scrolling_and_no_text_is_cut(open_page, scheme):
    tab = open_page(scheme=scheme)
    wide = tab.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth).map(box => box.outerHTML)"
    )
    assert [item[:90] for item in wide] == []
    assert tab.evaluate(CLIPPED) == []


@pytest.mark.parametrize("width", [390, 700, 900])
def test_at_other_widths_words_are_cut_by_nothing_but_a_box_that_scrolls(open_page, width):
    tab = open_page(viewport={"width": width, "height": 900})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate(CLIPPED) == []


@pytest.mark.parametrize(("viewport", "least"), [(DESKTOP, 11.5), (PHONE, 10.0)], ids=["desktop", "phone"])
def test_the_words_of_charts_can_be_read_and_are_no_larger_than_the_text(open_page, viewport, least):
    sizes = open_page(viewport=viewport).evaluate(
        """[...document.querySelectorAll("svg")].filter(drawing => drawing.getClientRects().length).flatMap(drawing => {
            const scale = drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width;
            return [...drawing.querySelectorAll("text")].map(words => parseFloat(getComputedStyle(words).fontSize) * scale);
        })"""
    )
    assert len(sizes) > 10
    assert min(sizes) >= least
    assert max(sizes) <= 16


def test_a_marker_leads_to_its_reason(open_page):
    tab = open_page()
    tab.click("#runs a.marker >> nth=0")
    assert "Idle power is unknown" in tab.inner_text("li:target")


def test_tables_scroll_inside_their_own_box_on_a_phone_and_can_be_reached_by_keyboard(open_page):
    tab = open_page(viewport=PHONE)
    boxes = tab.query_selector_all(".scroll")
    assert any(box.evaluate("box => box.scrollWidth > box.clientWidth") for box in boxes)
    assert all(box.get_attribute("tabindex") == "0" for box in boxes)


def test_on_a_phone_the_joules_of_operators_are_seen_without_scrolling_and_what_scrolls_has_a_shade(open_page):
    tab = open_page(viewport=PHONE)
    overflow = "box => box.scrollWidth - box.clientWidth"
    assert tab.query_selector("#operators .scroll").evaluate(overflow) <= 0
    assert "linear-gradient" in tab.query_selector("#views .scroll").evaluate("box => getComputedStyle(box).backgroundImage")


def test_dark_is_dark_and_paper_is_always_light(open_page):
    def brightness(tab):
        return tab.evaluate("Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number))")

    assert brightness(open_page(scheme="dark")) < 60
    assert brightness(open_page(scheme="light")) > 230
    assert brightness(open_page(scheme="dark", media="print")) > 250


def test_charts_follow_the_colour_scheme(open_page):
    def colour(tab):
        return tab.evaluate("getComputedStyle(document.querySelector('#runs svg [style*=\"--device\"]')).stroke")

    assert colour(open_page(scheme="light")) != colour(open_page(scheme="dark"))


def test_it_prints_on_a_few_a4_pages_with_nothing_cut_off(open_page):
    tab = open_page(media="print", viewport={"width": 700, "height": 1000})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 700
    printed = tab.pdf(prefer_css_page_size=True)
    assert 2 <= printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") + printed.count(b"/Type /Page/") <= 16


def test_everything_is_there_without_scripts(open_page):
    tab = open_page(scripts=False)
    assert "Keep digits_cnn" in tab.inner_text("#verdict")
    assert tab.locator("svg:visible").count() >= 8
    assert not tab.locator("#what-if").is_visible()
    assert tab.locator(".banner.emulated").is_visible()


def test_a_long_table_unfolds_on_a_click_and_on_paper(open_page):
    tab = open_page()
    last = tab.locator("#operators tr").last
    assert not last.is_visible()
    tab.click("#operators summary")
    assert last.is_visible()
    assert open_page(media="print").locator("#operators tr").last.bounding_box()["height"] > 0


def test_the_what_if_panel_starts_at_the_scenario_and_follows_mouse_and_keyboard(open_page):
    tab = open_page()
    panel, slider = tab.locator("#what-if"), tab.locator("#what-if-payload")
    assert panel.is_visible()
    at_first = tab.inner_text('[data-part="cloud-j"]'), tab.inner_text('[data-part="payload-shown"]')
    slider.focus()
    for _ in range(3):
        tab.keyboard.press("PageUp")
    by_keyboard = tab.inner_text('[data-part="cloud-j"]')
    assert by_keyboard != at_first[0]
    assert slider.get_attribute("aria-valuetext") == tab.inner_text('[data-part="payload-shown"]') != at_first[1]
    box = slider.bounding_box()
    tab.mouse.click(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
    assert tab.inner_text('[data-part="cloud-j"]') != by_keyboard
    tab.click('[data-part="reset"]')
    assert (tab.inner_text('[data-part="cloud-j"]'), tab.inner_text('[data-part="payload-shown"]')) == at_first
    assert tab.problems == []


def test_the_what_if_panel_says_what_changes_nothing_in_a_view(open_page):
    tab = open_page()
    assert tab.locator("#what-if-utilisation").is_disabled()
    assert "changes nothing in this view" in tab.inner_text('[data-part="utilisation-shown"]')
    tab.select_option("#what-if-view", label="marginal network, gross device, dedicated cloud")
    assert not tab.locator("#what-if-utilisation").is_disabled()


def test_what_the_panel_reads_between_points_lies_between_them(open_page):
    tab = open_page()
    grid = tab.evaluate("JSON.parse(document.getElementById('report-data').textContent).what_if")
    plane = grid["planes"][0]
    assert plane["axes"] == ["payload"]
    seen = []
    for position in range(0, 1001, 50):
        tab.locator("#what-if-payload").evaluate(
            "(input, at) => { input.value = at; input.dispatchEvent(new Event('input', {bubbles: true})); }", position
        )
        seen.append(_joules(tab.inner_text('[data-part="cloud-j"]')))
    assert seen == sorted(seen)
    assert seen[0] == pytest.approx(plane["cloud_j"][0], rel=0.01)
    assert seen[-1] == pytest.approx(plane["cloud_j"][-1], rel=0.01)


def _joules(text):
    value, unit = text.replace(",", "").split()
    return float(value) * {"J": 1.0, "mJ": 1e-3, "µJ": 1e-6, "nJ": 1e-9, "kJ": 1e3, "MJ": 1e6}[unit]


def test_hostile_names_are_text_and_stay_in_their_boxes(browser, tmp_path):
    name = "<script>document.title='taken'</script>" + "very_long_" * 25 + "\u202eסוף"
    model = artifact(model=name, path=f"{name}.tflite")
    hostile = replace(edge_rapl(f"{name}-run", model=model), device=replace(edge_rapl().device, name=name))
    path = tmp_path / "hostile.html"
    path.write_text(page(made(profiled(hostile), cloud_gpu(model=artifact(model=name, recipe="fp32", form="onnx")))), encoding="utf-8")
    context = browser.new_context(viewport=PHONE)
    tab = context.new_page()
    problems = []
    tab.on("console", lambda message: problems.append(message.text))
    tab.goto(path.as_uri())
    assert tab.title() != "taken"
    assert problems == []
    assert tab.evaluate("document.scripts.length") == 2
    assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    context.close()
