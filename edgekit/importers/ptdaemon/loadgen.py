"""Read the logs of LoadGen: the window of the power measurement from the detailed log, the work done from both logs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.core.errors import UsageError
from edgekit.importers.base import garbled, text_of
from edgekit.importers.figures import count, positive
from edgekit.importers.ptdaemon.dates import order_of, parse_ns, written

_DETAIL, _SUMMARY = "detailed log", "summary"
_LINE = re.compile(r"^\s*([\w\s.()/+-]+?)\s*:\s*(\S.*?)\s*$")
_EARLY = re.compile(r"Processed at least \d+ queries \((\d+)\)")
_RATES = ("Samples per second", "Completed samples per second", "Scheduled samples per second")
_STREAM_RATES = ("QPS w/ loadgen overhead",)
QUANTILES = {"50.00": "latency_p50_s", "90.00": "latency_p90_s", "99.00": "latency_p99_s"}
SAMPLES_OF_MULTISTREAM = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Hold what was done in the window [begin_ns, end_ns] of LoadGen's own clock.

    `samples` and `queries` are exact where the detailed log counts them. `rate_hz` is the published samples per second (SingleStream and
    MultiStream: queries), None where the summary states none; `quantiles_s` are latencies by their name in a run's analysis.
    """

    scenario: str
    begin_ns: int
    end_ns: int
    queries: int | None
    samples: int
    rate_hz: float | None
    rate_name: str
    valid: bool
    mode: str
    quantiles_s: Mapping[str, float]
    sut: str
    counted_in: str

    @property
    def streams(self) -> bool:
        """Return True where one query follows another, so that MLPerf states joules of a query."""
        return self.scenario in ("SingleStream", "MultiStream")


def read(detail: Path, summary: Path) -> Work:
    """Return the work of one run; raise UsageError where the logs do not tell it."""
    logged = _detail(detail)
    stated = _summary(summary)
    begin_ns, end_ns = _window(detail, logged)
    scenario = str(logged.get("effective_scenario") or stated.get("Scenario", "")).replace(" ", "")
    if not scenario:
        raise garbled(summary, _SUMMARY, "it names no scenario")
    rate_name, rate_hz = _rate(stated, scenario)
    queries, samples, counted_in = _count(logged, stated, scenario, rate_hz, (end_ns - begin_ns) / 1e9)
    if samples is None:
        raise UsageError(
            f"how many inferences the run of {detail} made is not known",
            code="import.count",
            why="the detailed log has no result_query_count, and the summary no number of queries or samples per second",
        )
    return Work(
        scenario=scenario,
        begin_ns=begin_ns,
        end_ns=end_ns,
        queries=queries,
        samples=samples,
        rate_hz=rate_hz,
        rate_name=rate_name,
        valid=stated.get("Result is", "VALID") == "VALID",
        mode=stated.get("Mode", ""),
        quantiles_s={
            name: value / 1e9 for level, name in QUANTILES.items() if (value := positive(stated.get(f"{level} percentile latency (ns)")))
        },
        sut=str(logged.get("sut_name") or stated.get("SUT name", "")),
        counted_in=counted_in,
    )


def _detail(path: Path) -> dict[str, Any]:
    """Return the entries by key; where one is logged twice with different values, both times of the window are refused."""
    found: dict[str, Any] = {}
    wanted = ("power_begin", "power_end")
    for number, line in enumerate(text_of(path, _DETAIL).splitlines(), start=1):
        start = line.find("{")
        if not line.startswith(":::MLLOG") or start < 0:
            continue
        try:
            entry = json.loads(line[start:])
            key, value = str(entry["key"]), entry["value"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            if any(key in line for key in wanted):
                raise garbled(path, _DETAIL, f"line {number}: {error}") from error
            continue
        if key in wanted and found.get(key, value) != value:
            raise UsageError(f"{path} holds several power windows", code="import.window", why=f"line {number} states another {key}")
        found[key] = value
    if missing := [key for key in wanted if key not in found]:
        raise UsageError(
            f"{path} has no power window",
            code="import.window",
            why=f"it does not state {' and '.join(missing)}: the run was not metered, or the log is cut off",
        )
    return found


def _window(path: Path, logged: Mapping[str, Any]) -> tuple[int, int]:
    texts = [str(logged[key]) for key in ("power_begin", "power_end")]
    try:
        begin_ns, end_ns = (parse_ns(text, order_of(texts)) for text in texts)
    except ValueError as error:
        raise garbled(path, _DETAIL, f"power_begin and power_end: {error}") from error
    if end_ns <= begin_ns:
        raise UsageError(
            f"the power window of {path} has no length",
            code="import.window",
            why=f"power_begin is {written(begin_ns)} and power_end {written(end_ns)}",
        )
    return begin_ns, end_ns


def _summary(path: Path) -> dict[str, str]:
    text = text_of(path, _SUMMARY)
    stated: dict[str, str] = {}
    for line in text.splitlines():
        if found := _LINE.match(line):
            stated.setdefault(found[1].strip(), found[2])
    if early := _EARLY.search(text):
        stated["queries"] = early[1]
    if "Scenario" not in stated and "Result is" not in stated:
        raise garbled(path, _SUMMARY, "it states neither a scenario nor a result: it is no summary of LoadGen")
    return stated


def _rate(stated: Mapping[str, str], scenario: str) -> tuple[str, float | None]:
    names = _STREAM_RATES if scenario in ("SingleStream", "MultiStream") else _RATES
    return next(((name, value) for name in names if (value := positive(stated.get(name)))), ("", None))


def _count(
    logged: Mapping[str, Any], stated: Mapping[str, str], scenario: str, rate_hz: float | None, seconds: float
) -> tuple[int | None, int | None, str]:
    """Return (queries, samples, where they are counted); exact counts first, the rate over the window last."""
    counted = count(logged.get("result_query_count"))
    each = _samples_of_a_query(logged, scenario)
    if counted and each and (samples := count(counted * each)):
        return counted, samples, "the detailed log"
    if (queries := count(stated.get("queries"))) and scenario in ("SingleStream", "MultiStream"):
        return queries, count(queries * (each or 1)), "the summary"
    if rate_hz is not None and scenario not in ("SingleStream", "MultiStream"):
        return None, count(round(rate_hz * seconds)), "the rate of the summary over the window"
    return None, None, ""


def _samples_of_a_query(logged: Mapping[str, Any], scenario: str) -> int | None:
    each = count(logged.get("effective_samples_per_query", logged.get("generated_samples_per_query")))
    return each or {"SingleStream": 1, "Server": 1, "MultiStream": SAMPLES_OF_MULTISTREAM}.get(scenario)
