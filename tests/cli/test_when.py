"""`edgekit when` from the front door: a CSV, a profile made of it, and what is said where neither is there."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edgekit.core.errors import UsageError
from edgekit.decision.timing.profile_toml import load_profile
from edgekit.flows.when import ProfileRequest, WhenRequest, make_profile, regions, when
from edgekit.links.clock import SystemClock
from tests.conftest import REPOSITORY, Completed

Run = Callable[..., Completed]


class ClockAt(SystemClock):
    """Stand still at one moment."""

    def __init__(self, text: str) -> None:
        self._text = text

    def now_utc(self) -> str:
        return self._text


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a made-up year: clean at noon, and on every seventh day the other way round."""
    first = datetime(2025, 1, 1, tzinfo=UTC)
    lines = ["timestamp,intensity gCO2e/kWh"]
    for hour in range(8760):
        at = first + timedelta(hours=hour)
        swing = 100 * math.cos((at.hour - 12) / 12 * math.pi) * (-1 if hour // 24 % 7 == 0 else 1)
        lines.append(f"{at:%Y-%m-%dT%H:%MZ},{250 - swing:.0f}")
    path = tmp_path_factory.mktemp("a grid") / "synthetic year.csv"
    path.write_text("\n".join(lines))
    return path


def test_the_best_window_with_its_saving_in_text_and_json(run_edgekit: Run, synthetic: Path) -> None:
    asked = ["when", "--profile", synthetic, "--duration", "4h", "--deadline", "24h", "--energy", "2kWh", "--start", "2026-07-01T22:00"]
    shown = run_edgekit(*asked, "--zone", "Europe/Amsterdam")
    assert shown.returncode == 0, shown.stderr
    assert "2026-07-02 10:00 to 14:00 UTC (2026-07-02 12:00 to 16:00 Europe/Amsterdam)" in shown.stdout
    assert "of what perfect foresight would have saved" in shown.stdout
    assert "interactive inference" in shown.stdout
    document = run_edgekit("--json", *asked).json()
    data = document["data"]
    assert (document["schema"], data["kind"], data["best_start_utc"]) == ("edgekit.when/1", "wait", "2026-07-02T10:00:00Z")
    advice = data["advice"]
    assert advice["vs_now"]["low"] < 0 < advice["vs_now"]["value"] <= advice["vs_now"]["high"]  # the seventh days are the other way round
    assert 0 < advice["captured"]["value"] < 1
    assert 0 < advice["worse"]["value"] < 0.3
    assert advice["saved_kg"]["value"] == pytest.approx(7.2e6 * advice["placement"]["now_kg_per_j"] * advice["vs_now"]["value"])


def test_without_a_profile_it_is_said_how_to_come_by_one_and_then_it_works(run_edgekit: Run, synthetic: Path, tmp_path: Path) -> None:
    env = {"EDGEKIT_DATA": str(tmp_path / "my data")}
    missing = run_edgekit("when", "--region", "NL", env=env)
    assert missing.returncode == 2
    assert "edgekit when profile FILE.csv --region NL" in missing.stderr
    made = run_edgekit("when", "profile", synthetic, "--region", "NL", "--source", "made up", "--licence", "CC0", env=env)
    assert made.returncode == 0, made.stderr
    assert "edgekit when --region NL" in made.stdout
    found = run_edgekit("--json", "when", "--region", "NL", "--duration", "4h", "--start", "2026-07-01T22:00", env=env).json()["data"]
    assert (found["best_start_utc"], found["figures"]["licence"]) == ("2026-07-02T10:00:00Z", "CC0")
    assert 0 < found["advice"]["captured"]["value"] < 1
    assert found["advice"]["saved_kg"]["value"] is None


def test_little_work_is_not_worth_the_wait(run_edgekit: Run, synthetic: Path) -> None:
    done = run_edgekit("when", "--profile", synthetic, "--power", "100mW", "--duration", "4h", "--start", "2026-07-01T22:00")
    assert done.returncode == 0
    assert done.stdout.startswith("Not worth it: ")


def test_now_is_the_clocks_now_and_marginal_figures_are_judged_beside(synthetic: Path, tmp_path: Path) -> None:
    other = tmp_path / "marginal.csv"
    other.write_text("\n".join(f"2026-07-01T{hour:02d}:00Z,{500 - 20 * (hour == 22)}" for hour in range(24)))
    request = WhenRequest(duration_s=3600, deadline_s=12 * 3600, figures=synthetic, marginal=other)
    found = when(request, clock=ClockAt("2026-07-01T12:00:00Z"))
    assert found.start_s == datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()
    assert found.advice.kind == "now"
    assert found.marginal is not None
    assert found.marginal.basis == "forecast"
    assert found.marginal.placement.start_s == datetime(2026, 7, 1, 22, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--duration", "9h", "--deadline", "8h"], "when.deadline"),
        (["--deadline", "30d"], "when.deadline"),
        (["--zone", "Middle/Earth"], "when.zone"),
        (["--start", "soon"], "when.start"),
        (["--start", "9999-12-31T23:00Z"], "when.start"),
        (["--duration", "1e-300s"], "when.deadline"),
        (["--power", "1e28W"], "when.energy"),
        (["--unit", "stone/kWh"], "when.figures"),
        (["--energy", "2"], "bench.amount"),
        (["--energy", "1kWh", "--power", "1W"], "usage.arguments"),
        (["--column", "other"], "when.figures"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_message(run_edgekit: Run, synthetic: Path, options: list[str], code: str) -> None:
    done = run_edgekit("--json", "when", "--profile", synthetic, *options)
    assert done.returncode == 2
    assert (done.json()["data"]["code"], bool(done.json()["data"]["do"])) == (code, True)


def test_columns_near_names_and_terms_are_told_with_a_command_to_paste(synthetic: Path, tmp_path: Path) -> None:
    several = tmp_path / "two kinds.csv"
    several.write_text("Datetime (UTC),Zone,gCO2eq/kWh (direct),gCO2eq/kWh (LCA)\n2025-07-01 00:00,NL,1,2\n")
    for request, advice in [
        (WhenRequest(duration_s=60, deadline_s=99, figures=several), f"edgekit when --profile '{several}' --column 'gCO2eq/kWh (direct)'"),
        (WhenRequest(duration_s=60, deadline_s=99, region="gb2"), "edgekit when --region GB"),
    ]:
        with pytest.raises(UsageError) as caught:
            when(request)
        assert caught.value.do[0][1] == advice
    with pytest.raises(UsageError) as caught:
        make_profile(ProfileRequest(csv=synthetic, region="NL", source="me", licence=" ", out=tmp_path / "nl.toml"))
    assert (caught.value.code, (tmp_path / "nl.toml").exists()) == ("when.terms", False)


@pytest.mark.slow
def test_bad_lines_half_years_and_other_regions_are_refused(run_edgekit: Run, synthetic: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("2025-07-01T00:00Z,100\n2025-07-01T01:00Z,a lot\n")
    done = run_edgekit("when", "--profile", bad)
    assert "line 2: 'a lot' is not a number of g CO2e/kWh" in " ".join(done.stderr.split())
    half = tmp_path / "half.csv"
    half.write_text("\n".join(synthetic.read_text().splitlines()[:4000]))
    done = run_edgekit("when", "profile", half, "--region", "NL", "--source", "me", "--licence", "CC0")
    assert "[when.year]" in done.stderr
    assert "July" in done.stderr
    out = tmp_path / "nl.toml"
    make_profile(ProfileRequest(csv=synthetic, region="NL", source="me", licence="CC0", out=out))
    assert "it is of NL" in run_edgekit("when", "--profile", out, "--region", "FR").stderr
    out.write_text("version = '1'")
    assert "[when.figures]" in run_edgekit("when", "--profile", out).stderr


def test_a_short_file_is_used_with_a_note(synthetic: Path, tmp_path: Path) -> None:
    short = tmp_path / "three weeks.csv"
    lines = [line.replace("Z,", ",") for line in synthetic.read_text().splitlines()[1 : 21 * 24]]
    short.write_text("\n".join(line for number, line in enumerate(lines) if number != 100))
    found = when(WhenRequest(duration_s=7200, deadline_s=86400, figures=short, start="2026-07-01T00:00"))
    assert [note.code for note in found.notes] == ["when.utc", "when.gaps", "when.filled"]
    assert found.advice.starts in (18, 19)


def test_the_page_shows_what_is_printed(run_edgekit: Run) -> None:
    page = (REPOSITORY / "docs" / "when.md").read_text()
    command = next(line for line in page.splitlines() if line.startswith("    edgekit when --region GB"))
    done = run_edgekit(*shlex.split(command)[1:], env={"COLUMNS": "100"})
    assert (done.returncode, done.stdout) == (0, page.split("```\n")[1])


def test_shipped_profiles_are_whole_and_say_where_they_come_from_and_on_what_terms(tmp_path: Path) -> None:
    shipped = regions(tmp_path)
    assert "GB" in shipped
    for name, path in shipped.items():
        profile = load_profile(path.read_text())
        assert (profile.region, profile.filled, len(profile.trials)) == (name, (), 96)
        assert profile.licence in {"CC-BY-4.0", "CC0-1.0", "public domain"}
        assert len(profile.source) > 20
        assert profile.days > 350
    (tmp_path / "GB.toml").write_text("one's own goes first")
    assert regions(tmp_path)["GB"] == tmp_path / "GB.toml"
