"""Fail when a test was skipped for a reason that nobody agreed to: `python skips.py JUNIT.xml ALLOWED.txt`."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def skipped(junit: Path) -> list[tuple[str, str]]:
    """Return (test, reason) for each skipped test of a JUnit file that pytest wrote."""
    return [
        (f"{case.get('classname')}::{case.get('name')}", skip.get("message") or "")
        for case in ET.parse(junit).getroot().iter("testcase")  # noqa: S314 -- our own pytest wrote it
        for skip in case.iter("skipped")
    ]


def main(junit: str, allowed: str) -> int:
    """Print each skip that no pattern of `allowed` (one regular expression a line) matches; return 1 when there is one."""
    lines = [line.strip() for line in Path(allowed).read_text(encoding="utf-8").splitlines()]
    patterns = [re.compile(line) for line in lines if line and not line.startswith("#")]
    unexpected = [(test, reason) for test, reason in skipped(Path(junit)) if not any(pattern.search(reason) for pattern in patterns)]
    for test, reason in unexpected:
        sys.stdout.write(f"skipped without being on the allow-list: {test}: {reason}\n")
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
