"""Write the scoreboard's tables from its results."""

from __future__ import annotations

import statistics
from math import comb
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scoreboard.md"
HEAD, END = "<!-- scoreboard: written by benchmarks/scoreboard/run.py -->\n", "<!-- end -->"
COLUMNS = ("zeus", "codecarbon", "pyjoules", "carbontracker", "edgekit")
NAMES = {"zeus": "zeus", "codecarbon": "CodeCarbon", "pyjoules": "pyJoules", "carbontracker": "carbontracker"}
WIDEST = 1.5
"""An interval may be this much wider than that of an observer who knows the instrument exactly."""
OURS = ("edgekit", "edgekit-tick")


def cell(result: dict[str, Any]) -> str:
    """Return one tool's figure in one row: the median error with its range, and how often the tool warned."""
    if "not_run" in result or "failed" in result:
        return "not run" if "not_run" in result else f"failed: {result['failed'][:60]}"
    trials = result["trials"]
    errors = sorted(100 * trial["error_rel"] for trial in trials if measured(trial))
    unknown = len(trials) - len(errors)
    if not errors:
        return f"unmeasurable ({unknown} of {unknown})"
    shown = _percent(statistics.median(errors))
    if errors[-1] - errors[0] > 1:
        shown += f" ({_percent(errors[0])} to {_percent(errors[-1])})"
    if unknown:
        shown += f", {unknown} of {len(trials)} unmeasurable"
    warned = sum(bool(trial["warnings"] or trial.get("notes")) for trial in trials)
    return shown + (f", warned {warned} of {len(trials)}" if warned else "")


def measured(trial: dict[str, Any]) -> bool:
    """Return False where a tool gives no figure, or says of its figure that it is none (edgekit's quality "unmeasurable")."""
    return trial.get("error_rel") is not None and trial.get("quality") != "unmeasurable"


def own(result: dict[str, Any]) -> dict[str, Any]:
    """Return how edgekit's intervals of one row stand: how many hold the truth, how wide they are, how many trials it calls unmeasurable.

    An unmeasurable trial may still state bounds, and these must hold the truth too; their width is not judged.
    """
    stated = [trial for trial in result.get("trials", []) if "inside" in trial]
    trials = [trial for trial in stated if measured(trial)]
    return {
        "stated": len(stated),
        "inside": sum(trial["inside"] for trial in stated),
        "half_rel": statistics.median((trial["high_j"] - trial["low_j"]) / 2 / trial["true_j"] for trial in trials) if trials else None,
        "ratio": statistics.median(trial["width_ratio"] for trial in trials) if trials else None,
        "unmeasurable": len(result.get("trials", [])) - len(trials),
    }


def enough(inside: int, stated: int) -> bool:
    """Return False when so few intervals of 95 % hold the truth that chance does it less than once in a thousand times."""
    return sum(comb(stated, k) * 0.95**k * 0.05 ** (stated - k) for k in range(inside + 1)) >= 0.001


def missed(document: dict[str, Any]) -> list[str]:
    """Return the rows in which edgekit misses its bar, with the reason."""
    lines = []
    for name, row in document["rows"].items():
        for tool in OURS:
            result = row["tools"].get(tool, {})
            if "failed" in result:
                lines.append(f"{name}, {tool}: {result['failed']}")
                continue
            stand = own(result)
            if stand["stated"] and not enough(stand["inside"], stand["stated"]):
                lines.append(f"{name}, {tool}: {stand['inside']} of {stand['stated']} intervals hold the truth")
            if stand["ratio"] is not None and stand["ratio"] > WIDEST:
                lines.append(f"{name}, {tool}: intervals {stand['ratio']:.2f} times as wide as exact knowledge allows")
    return lines


def write(document: dict[str, Any]) -> None:
    """Put the tables into docs/scoreboard.md, between its marks."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(HEAD)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{HEAD}{tables(document)}{END}{after}", encoding="utf-8")


def tables(document: dict[str, Any]) -> str:
    """Return both tables with versions and date."""
    found = document["versions"]
    used = ", ".join(f"{NAMES.get(name, name)} {number}" for name, number in found.items())
    machine = document["machine"]
    lines = [f"{document['date']}: {used}; Python {machine['python']}, {machine['platform']}, {machine['cpus']} cores.", ""]
    lines += [
        "| row | what is measured | " + " | ".join(NAMES.get(name, name) for name in COLUMNS) + " |",
        "|---" * 7 + "|",
    ]
    for name, row in document["rows"].items():
        cells = [cell(row["tools"][tool]) if tool in row["tools"] else "" for tool in COLUMNS]
        lines.append(f"| {name} | {row['what']} | {' | '.join(cells)} |")
    lines += ["", "edgekit's own intervals (95 %), and those of the same regions aligned to ticks:", ""]
    lines += [
        "| row | joules | interval | holds truth | width ratio | unmeasurable | aligned: error | interval | holds | ratio | unmeasurable |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in document["rows"].items():
        plain, tick = (row["tools"].get(tool, {}) for tool in OURS)
        truth = statistics.median(trial["true_j"] for trial in plain["trials"]) if plain.get("trials") else None
        joules = "" if truth is None else f"{truth:.4g}"
        lines.append(f"| {name} | {joules} | {' | '.join(_stand(plain))} | {cell(tick) if tick else ''} | {' | '.join(_stand(tick))} |")
    return "\n".join([*lines, "", _observer(document), "", _reasons(document), ""])


def _observer(document: dict[str, Any]) -> str:
    """Return how often the intervals of the observer with exact knowledge hold the truth: he has to be honest too."""
    trials = [
        trial
        for row in document["rows"].values()
        for tool in OURS
        for trial in row["tools"].get(tool, {}).get("trials", [])
        if "exact_inside" in trial and measured(trial)
    ]
    held = sum(trial["exact_inside"] for trial in trials)
    return f"Intervals of the observer who knows the instrument, around edgekit's figures, hold the truth {held} of {len(trials)} times."


def _stand(result: dict[str, Any]) -> list[str]:
    if not result or "trials" not in result:
        return [""] * 4
    stand = own(result)
    unmeasurable = str(stand["unmeasurable"] or "")
    held = f"{stand['inside']} of {stand['stated']}" if stand["stated"] else ""
    if stand["ratio"] is None:
        return ["", held, "", unmeasurable]
    return [f"± {100 * stand['half_rel']:.2g} %", held, f"{stand['ratio']:.2f}", unmeasurable]


def _reasons(document: dict[str, Any]) -> str:
    why: dict[str, list[str]] = {}
    for name, row in document["rows"].items():
        for tool, result in row["tools"].items():
            reasons = {trial["reason"].split(", which took")[0] for trial in result.get("trials", []) if trial.get("reason")}
            for reason in [result["not_run"]] if "not_run" in result else sorted(reasons):
                why.setdefault(f"{tool}: {reason}", []).append(name)
    return "\n".join(["Not run, or unmeasurable:", "", *(f"- {reason} ({', '.join(names)})" for reason, names in why.items())])


def _percent(value: float) -> str:
    return f"{value:+.2f} %" if abs(value) < 10 else f"{value:+,.0f} %"
