"""Print a page: the system's own browser draws the HTML report with its print style, without a network, into a PDF."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from edgekit.core.errors import SetupError
from edgekit.links.files import read_bytes
from edgekit.links.shell import Console, LocalShell

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_AT_MOST_S = 120.0


def pdf(html: str, *, which: Callable[[str], str | None] = shutil.which, shell: Console | None = None) -> bytes:
    """Return the PDF of a page; raise SetupError when no browser is there, or it draws nothing."""
    browser = next((path for name in BROWSERS if (path := which(name))), None)
    if browser is None:
        raise SetupError(
            "no browser that prints is installed",
            code="export.browser",
            why=f"none of {', '.join(BROWSERS)} is on the path; a PDF is the HTML report as a browser prints it",
            do=[
                ("install one (Debian, Ubuntu):", "sudo apt install chromium"),
                ("or print report.html from your own browser:", "xdg-open report.html"),
            ],
        )
    with tempfile.TemporaryDirectory(prefix="edgekit-pdf-") as name:
        page, made = Path(name, "report.html"), Path(name, "report.pdf")
        page.write_text(html, encoding="utf-8")
        # The page fetches nothing and carries our own text alone, so that it needs no sandbox, which root has none of.
        switches = ["--headless", "--disable-gpu", "--no-sandbox", "--no-pdf-header-footer", f"--user-data-dir={name}/profile"]
        done = (shell or LocalShell()).run([browser, *switches, f"--print-to-pdf={made}", page.as_uri()], timeout_s=_AT_MOST_S)
        if done.exit_code != 0 or not made.is_file():
            told = (done.stderr or done.stdout).strip().splitlines()
            raise SetupError(
                f"{Path(browser).name} did not print the report",
                code="export.browser",
                why=told[-1][:200] if told else f"exit status {done.exit_code}",
                do=[("print it by hand:", "xdg-open report.html")],
            )
        return read_bytes(made, "the PDF")
