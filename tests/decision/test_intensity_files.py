"""Hourly figures are read line by line: zones, gaps and summer time are understood, and what cannot be meant is named with its line."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.decision.timing.intensity import KG_PER_J, Curve, IntensityProblem, condense
from edgekit.decision.timing.intensity_csv import moment, read_csv
from edgekit.decision.timing.profile_toml import load_profile, profile_text
from edgekit.decision.timing.waiting import with_trials

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def hour_of(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() // 3600)


def grams(curve: Curve) -> list[float]:
    return [round(float(value) / KG_PER_J, 6) for value in curve.kg_per_j]


@pytest.mark.parametrize(
    "text",
    [
        "timestamp,value\n2025-07-01T00:00Z,100\n2025-07-01T01:00Z,200\n",
        "2025-07-01T02:00+02:00,100\n2025-07-01T03:00+02:00,200\n",
        "1751328000,100\n1751331600,200\n",
        "1751328000000,100\n1751331600000,200\n",
        "\ufeffDatetime (UTC);Wert\n2025-07-01 00:00;100,0\n2025-07-01 01:00;200,0\n",
        "time\tg\n2025-07-01T01:00Z\t200\n\n2025-07-01T00:00Z\t100\n",
        "UTC Time at End of Hour,Net MW,CO2 lbs/MWh\n7/1/2025 1:00:00 AM,5,220.462262\n07/01/2025 02:00 AM,5,440.924524",
        "hour_ending_utc,price_eur_per_mwh,co2_lb_per_mwh\n2025-07-01 01:00,5,220.462262\n2025-07-01 02:00,5,440.924524",
        "period,kg CO2 per MWh\n2025-07-01T00,100\n2025-07-01T01,200",
        "# a remark\n2025-07-01T00:00Z,100\n2025-07-01T01:00Z,200",
    ],
)
def test_one_pair_of_hours_in_many_spellings(text: str) -> None:
    found = read_csv(text)
    assert found.curve.start_h == hour_of("2025-07-01T00:00")
    assert grams(found.curve) == [100, 200]


def test_rows_of_half_hours_are_averaged_and_gaps_stay_gaps() -> None:
    rows = ["2025-07-01T00:00Z,100", "2025-07-01T00:30Z,200", "2025-07-01T01:00Z,", "2025-07-01T01:30Z,NaN", "2025-07-01T03:00Z,50"]
    found = read_csv("\n".join(rows))
    assert found.gaps == 2
    assert grams(found.curve)[0] == 150
    assert [math.isnan(value) for value in found.curve.kg_per_j] == [False, True, True, False]


def test_local_time_is_understood_through_both_changes_of_the_clock() -> None:
    spring = read_csv("2025-03-30 01:00,1\n2025-03-30 03:00,5", zone=AMSTERDAM)
    assert (grams(spring.curve), spring.naive) == ([1, 5], True)
    autumn = read_csv("\n".join(["2025-10-26 01:00,1", "2025-10-26 02:00,2", "2025-10-26 02:00,3", "2025-10-26 03:00,4"]), zone=AMSTERDAM)
    assert autumn.curve.start_h == hour_of("2025-10-25T23:00")
    assert grams(autumn.curve) == [1, 2, 3, 4]
    with pytest.raises(IntensityProblem, match=r"line 2: '2025-03-30 02:00' does not exist in Europe/Amsterdam"):
        read_csv("2025-03-30 01:00,100\n2025-03-30 02:00,100", zone=AMSTERDAM)


def test_the_column_is_found_by_its_name_or_asked_for() -> None:
    one = "from,forecast,intensity actual\n2025-07-01T00:00Z,1,100\n"
    assert (grams(read_csv(one).curve), read_csv(one).column) == ([100], "intensity actual")
    two = "Datetime (UTC),Zone,intensity gCO2/kWh (direct),intensity gCO2/kWh (life cycle)\n2025-07-01 00:00,NL,100,130\n"
    assert grams(read_csv(two, column="intensity gCO2/kWh (life cycle)").curve) == [130]
    with pytest.raises(IntensityProblem, match="--column"):
        read_csv(two)
    with pytest.raises(IntensityProblem, match="no column is called 'x'") as caught:
        read_csv(two, column="x")
    assert caught.value.columns == ("intensity gCO2/kWh (direct)", "intensity gCO2/kWh (life cycle)")
    assert not read_csv(two, zone=AMSTERDAM, column=caught.value.columns[0]).naive  # the column's name says UTC, whatever --zone says
    assert read_csv(two, zone=AMSTERDAM, column=caught.value.columns[0]).curve.start_h == hour_of("2025-07-01T00:00")


def test_a_unit_and_the_end_of_an_interval_may_be_stated() -> None:
    rows = "UTC time,CO2 Emissions Intensity for Consumed Electricity\n2025-07-01 01:00,0.5\n2025-07-01 02:00,1\n"
    found = read_csv(rows, unit="lb/kWh", ends=True)
    assert (found.curve.start_h, grams(found.curve)) == (hour_of("2025-07-01T00:00"), [226.796185, 453.59237])
    assert read_csv(rows.replace("01:00", "00:30").replace("02:00", "01:00"), unit="lb/kWh", ends=True).gaps == 0
    with pytest.raises(IntensityProblem, match="'stone/kWh' is no unit of an intensity"):
        read_csv(rows, unit="stone/kWh")
    with pytest.raises(IntensityProblem, match=r"'co2_kg_per_mwh' says another unit than --unit lb/MWh"):
        read_csv("time,co2_kg_per_mwh\n2025-07-01T00:00Z,100\n", unit="lb/MWh")
    assert grams(read_csv("time,co2_kg_per_mwh\n2025-07-01T00:00Z,100\n", unit="g/kWh").curve) == [100]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no rows"),
        ("timestamp,value\n", "no rows"),
        (
            "2025-07-01T00:00Z,1\nyesterday,2\n2025-07-01T02:00Z,many",
            "line 2: 'yesterday' is not a timestamp.*line 3: 'many' is not a number",
        ),
        ("2025-07-01T00:00Z,1\n2025-07-01T01:00Z", "line 2: has no value"),
        ("2025-07-01T00:00Z,100\n2025-07-01T01:00Z,-3", "line 2: -3 is no intensity"),
        ("2025-07-01T00:00Z,100\n2025-07-01T01:00Z,231000", "line 2: 231000 is no intensity"),
        ("2025-07-01T00:00Z,0.23\n2025-07-01T01:00Z,0.3", "--unit kg/kWh"),
        ("time,t/MWh\n2025-07-01T00:00Z,23\n2025-07-01T01:00Z,23", r"line 2: 23000 is no intensity in g"),
        ("2025-10-26 02:00,1\n2025-10-26 02:00,2", "same timestamp: are they local time"),
        ("time,v\n13/7/2025 1:00:00 PM,1", "line 2: '13/7/2025 1:00:00 PM' is not a timestamp"),
        ("time,v\n7/1/2025 13:00:00 PM,1", "not a timestamp"),
        ("t,v\n2025-07-01T00:00Z," + "9" * 200_000, "line 2: field larger than"),
        ("\0" * 1000, r"there are '\\x00.{300,330}\.\.\.'$"),
        ("2025-07-01T00:00Z,100\n2025-07-02T00:00Z,100", "24 h apart"),
        ("2025-07-01T00:00Z,100\n2025-07-01T02:00+02:00,90", "lines 1 and 2 have the same timestamp"),
        ("2025-07-01T00:00Z,\n2025-07-01T01:00Z,", "no row has a value"),
        ("2025-07-01T00:00Z,1,2", "3 columns and no names"),
        ("0001-01-01T00:00,100\n9999-12-31T23:00,100", "h apart"),
        ("2025-07-01T00:00Z,9\n2025-07-01T01:00Z,9\n2025-07-01T02:00Z,9\n2099-07-01T02:00Z,9", "30 years"),
    ],
)
def test_what_cannot_be_meant_is_named(text: str, words: str) -> None:
    with pytest.raises(IntensityProblem, match=f"(?s){words}"):
        read_csv(text)


def test_many_bad_lines_are_counted() -> None:
    with pytest.raises(IntensityProblem, match=r"line 6: .*; and 4 more lines"):
        read_csv("\n".join(["t,g", *["x,1"] * 9]).replace("t,g", "time,g"))


@given(st.text(alphabet="0123456789-:TZ,.;\n\t\"'ex ", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    for zone in (None, AMSTERDAM):
        with suppress(IntensityProblem):
            assert len(read_csv(text, zone=zone).curve.kg_per_j) > 0


def test_a_moment_is_utc_unless_a_zone_says_otherwise() -> None:
    assert moment("2025-07-01T00:00") == moment("2025-07-01T02:00", AMSTERDAM) == moment("2025-07-01T00:00Z", AMSTERDAM) == 1751328000


def test_a_profile_outlives_its_file() -> None:
    rng = np.random.default_rng(5)
    year = Curve(start_h=hour_of("2025-01-01T00:00"), kg_per_j=rng.uniform(100, 400, 8760) * KG_PER_J)
    made = with_trials(condense(year, region="XX", source='a "quoted" source\x7f\x1b', licence="CC-BY-4.0", scope="direct"), year)
    text = profile_text(made)
    read = load_profile(text)
    assert profile_text(read) == text
    assert (read.source, read.licence, read.days, len(read.trials)) == (made.source, made.licence, 365, 96)
    assert read.median[6][13] == pytest.approx(made.median[6][13], abs=0.051 * KG_PER_J)
    assert len(text) < 20_000
    for broken, words in [
        (text.replace('version = "1"', 'version = "2"'), "version"),
        (text.replace("[p90]", "[other]"), "lacks p90"),
        (text.replace("January = [", "January = [1, "), "24 figures"),
        (text.replace("days = 365", 'days = "many"'), "cannot be read"),
        (text.replace("tried = [", "tried = [\n  [1, 2],"), "cannot be read"),
        (text.replace("tried = [", "tried = [\n  [4, 24, 22, 9, nan, nan, nan, nan, nan, nan, nan],"), "what cannot be"),
        (text.replace("tried = [", "tried = [\n  [4, 24, 22, 9, -inf, 0.1, 0.2, 0.1, 0.2, 0.3, 0],"), "what cannot be"),
        (text.replace("tried = [", "tried = [\n  [4, 24, 22, 9, 0.3, 0.1, 0.2, 0.1, 0.2, 0.3, 0],"), "what cannot be"),
        (text.replace("days = 365", "days = inf"), "days counts"),
        (text.replace("days = 365", "days = -3"), "days counts"),
        (text.replace("filled = []", 'filled = "May"'), "cannot be read"),
        (text.replace('region = "XX"', "region = 7"), "region is no text"),
        (text.replace("January = [", "January = [1e300, 1, ").replace(", 1, ", ", "), "24 figures"),
        ("[[", "not TOML"),
        ("x = " + "[" * 50_000, "not TOML"),
    ]:
        with pytest.raises(IntensityProblem, match=words):
            load_profile(broken)
