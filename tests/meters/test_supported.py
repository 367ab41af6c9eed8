"""SUPPORTED.md says what the drivers say of themselves, names every meter, and claims no proof that nobody made."""

from __future__ import annotations

import sys
import tomllib

import pytest

from edgekit.registry import METERS
from tests.conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "docs"))
import supported

PROOFS = tomllib.loads(supported.PROOFS.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_page_is_what_the_script_writes() -> None:
    assert supported.PAGE.read_text(encoding="utf-8") == supported.page(), "run `python docs/supported.py`"


def test_every_meter_has_a_line() -> None:
    page = supported.PAGE.read_text(encoding="utf-8")
    assert [kind for kind in METERS if kind not in ("sim", "replay") and f"`{kind}`" not in page] == []


def test_proofs_are_of_meters_that_there_are() -> None:
    assert set(PROOFS) <= set(METERS)
    assert {name for proofs in PROOFS.values() for name in proofs} <= {"emulator", "published", "independent", "hardware"}


def test_an_independent_run_has_a_date() -> None:
    assert all(
        any(digit.isdigit() for digit in proofs[name])
        for proofs in PROOFS.values()
        for name in ("independent", "hardware")
        if name in proofs
    )
