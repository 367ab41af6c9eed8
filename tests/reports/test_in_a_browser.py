from __future__ import annotations

import shutil

import pytest

from tests.reports.records import cloud_gpu, edge_emulated, edge_estimated, edge_rapl
from tests.reports.test_renderers import made, page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def report_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page(made(edge_rapl(), edge_estimated(quick=True), cloud_gpu(), edge_emulated())), encoding="utf-8")
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
    violations = Axe().run(tab).response["violations"]
    assert [(item["id"], item["impact"], item["nodes"][0]["html"][:120]) for item in violations] == []


def test_tables_scroll_inside_their_own_box_on_a_phone_and_can_be_reached_by_keyboard(open_page):
    tab = open_page(viewport=PHONE)
    boxes = tab.query_selector_all(".scroll")
    assert any(box.evaluate("box => box.scrollWidth > box.clientWidth") for box in boxes)
    assert all(box.get_attribute("tabindex") == "0" for box in boxes)


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
    assert 2 <= printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") + printed.count(b"/Type /Page/") <= 9


def test_everything_is_there_without_scripts(open_page):
    tab = open_page(scripts=False)
    assert "Keep digits_cnn" in tab.inner_text("#verdict")
    assert tab.locator("svg").count() == 2
    assert tab.locator(".banner.emulated").is_visible()
