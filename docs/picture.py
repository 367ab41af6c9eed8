"""Draw docs/report.png, the first page of a demo report: `python docs/picture.py demo/report.html` (needs Chromium)."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZE = {"width": 1120, "height": 1400}


def main(report: str) -> None:
    """Open a report in headless Chromium and keep what fits on the first screen."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(Path(report).resolve().as_uri())
        page.screenshot(path=str(Path(__file__).with_name("report.png")))
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
