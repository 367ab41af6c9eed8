from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgekit.core.errors import SetupError
from edgekit.exporters.paper import BROWSERS, pdf
from edgekit.links.process import Finished


class Printer:
    """Stand for a browser: note what it is asked, and print, or not."""

    def __init__(self, *, prints: bytes | None) -> None:
        self.prints, self.asked = prints, []

    def run(self, argv, *, stdin=None, timeout_s=None):
        self.asked = list(argv)
        if self.prints is None:
            return Finished(exit_code=1, stdout="", stderr="no display\nthe page was too long")
        target = next(word for word in argv if word.startswith("--print-to-pdf=")).partition("=")[2]
        with Path(target).open("wb") as file:
            file.write(self.prints)
        return Finished(exit_code=0, stdout="")


def test_the_first_browser_that_is_there_prints_the_page_without_head_and_foot():
    printer = Printer(prints=b"%PDF-1.4 page")
    assert pdf("<p>x</p>", which=lambda name: f"/bin/{name}" if name == "google-chrome" else None, shell=printer) == b"%PDF-1.4 page"
    assert printer.asked[0] == "/bin/google-chrome"
    assert {"--headless", "--no-pdf-header-footer"} <= set(printer.asked)
    assert printer.asked[-1].startswith("file:///")


def test_without_a_browser_the_error_says_how_to_get_one():
    with pytest.raises(SetupError) as caught:
        pdf("<p>x</p>", which=lambda name: None, shell=Printer(prints=None))
    assert caught.value.code == "export.browser"
    assert "apt install chromium" in caught.value.do[0][1]


def test_a_browser_that_prints_nothing_is_told_with_its_last_words():
    with pytest.raises(SetupError, match="the page was too long"):
        pdf("<p>x</p>", which=lambda name: name, shell=Printer(prints=None))


@pytest.mark.slow
def test_a_real_browser_prints_a_page():
    if not any(shutil.which(name) for name in BROWSERS):
        pytest.skip("no browser is installed")
    made = pdf("<!doctype html><title>x</title><p>one page</p>")
    assert made.startswith(b"%PDF-")
    assert made.count(b"/Type /Page\n") + made.count(b"/Type /Page ") <= 1
