"""Render a report as a comment on a pull request: GitHub-flavoured Markdown of at most 60 lines. The rest is in the other files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from edgekit.core.decision import Side
from edgekit.core.quantity import Estimate, Note
from edgekit.reports import evidence, findings
from edgekit.reports.effort import finding_out
from edgekit.reports.model import Report
from edgekit.reports.show import Cell, Column, Table, figure, one_line

LINES = 60
_ROWS = 12  # of a table, at most; fewer where the whole would be too long

_ESCAPED = str.maketrans({char: f"\\{char}" for char in "\\`*_[]#|~"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")  # what drives a terminal, or turns a line round


def render(report: Report) -> str:
    """Return the comment; its longest tables lose rows, and say so, until it has at most 60 lines."""
    text = ""
    for rows in range(_ROWS, 0, -1):
        text = _comment(report, rows)
        if text.count("\n") <= LINES:
            break
    return text


def _comment(report: Report, rows: int) -> str:
    decision, verdict = report.decision, report.decision.verdict
    notes = [note for note in decision.notes if note not in report.banners]
    parts = [f"# {escape(report.title)}", _alert(report.banners)]
    parts += [f"**{escape(verdict.headline)}**", f"{escape(verdict.sentence)} *{escape(verdict.regime)}*", _turns(report)]
    parts += ["\n".join([_figure(item) for item in findings.key_figures(report)] + _yardsticks(report) + _advice(report, rows))]
    parts += [_table(findings.totals(report), max(rows, 5)), escape("; ".join(note.text for note in notes))]
    parts += ["<details><summary>Views, slots, runs, assumptions, constants</summary>"]
    parts += [_table(_bare(table), rows) for table in (findings.views(report), evidence.runs(report))]
    parts += [
        "\n".join(line for line in (*_slots(report), _left_out(report), _assumptions(report), _constants(report)) if line),
        "</details>",
    ]
    parts += [_commands((*verdict.commands[: max(1, rows // 3)], *report.commands[:2]))]
    parts.append(
        f"Newest run: {escape(report.created)}. {decision.draws:,} draws, seed {decision.seed}. Evidence: the HTML and JSON reports."
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """Return text that Markdown and HTML show as it is."""
    return _on_one_line(text).replace("CO2e", "CO₂e").translate(_ESCAPED)


def code(text: str) -> str:
    """Return text as code, which nothing in it can end: in a cell, a list or a sentence."""
    return f"`{_on_one_line(text).replace('`', '').replace('|', '')}`"


def _on_one_line(text: str) -> str:
    return re.sub(r"[\t\n\v\f\r\u2028\u2029]", " ", _UNSEEN.sub("", text))


def _turns(report: Report) -> str:
    """Return what would turn the answer, which gates are not met, and what is worth knowing next, in one paragraph."""
    verdict = report.decision.verdict
    found = [verdict.condition]
    found += [f"Not met by the {gate.side}: {gate.name} ({gate.why})." for gate in report.decision.gates if gate.passed is False]
    found += [f"Worth knowing next: {verdict.next_measurement}."] if verdict.next_measurement else []
    found += [f"What finding out costs: {effort}."] if (effort := finding_out(report)) else []
    return escape(" ".join(found))


def _yardsticks(report: Report) -> list[str]:
    """Return the answer under every yardstick beside energy of which something is known, on one line."""
    known = [item.text for item in report.decision.criteria if item.views]
    return [f"- By other yardsticks: {escape('; '.join(known))}"] if known else []


def _advice(report: Report, rows: int) -> list[str]:
    lines = [
        f"- Saves {escape(one_line(figure(item.saves_j)))} per inference: {escape(item.what)}, because {escape(item.because)}"
        for item in report.decision.advice
        if isinstance(item.saves_j, Estimate)
    ]
    return lines[: min(3, rows)]


def _slots(report: Report) -> list[str]:
    """Return where the joules of each side go, largest first, on one line."""
    found = []
    for side in (Side.DEVICE, Side.CLOUD):
        counted = [entry for entry in report.decision.slots if entry.side is side and isinstance(entry.energy_j, Estimate)]
        counted.sort(key=lambda entry: -(entry.energy_j.value or 0.0))
        told = "; ".join(f"{findings.SLOT_WORDS[entry.slot.value]} {one_line(figure(entry.energy_j))}" for entry in counted)
        found += [f"- **Where the joules go**, {side}: {escape(told)}"] if counted else []
    return found


def _left_out(report: Report) -> str:
    """Return what is not included on one line: each reason once, with the slots it holds for."""
    reasons: dict[str, list[str]] = {}
    for entry in report.decision.slots:
        if not isinstance(entry.energy_j, Estimate) and not isinstance(entry.co2e_kg, Estimate):
            words = findings.SLOT_WORDS[entry.slot.value]
            reasons.setdefault(getattr(entry.energy_j, "reason", ""), []).append(f"{words} ({entry.side})")
    told = "; ".join(f"{', '.join(slots)}: {reason}" for reason, slots in reasons.items())
    return f"- **What is not included**: {escape(told)}." if told else ""


def _assumptions(report: Report) -> str:
    """Return the lines of the user's scenario, and how many others are defaults."""
    found = [f"{code(item.name)} {escape(item.value)}" for item in report.decision.assumptions if item.source == "user"]
    others = sum(item.source not in ("user", "none") for item in report.decision.assumptions)
    stated = "; ".join(found) or "nothing stated"
    return f"- **Assumptions**, from {escape(report.decision.scenario.source)}: {stated}; {others} lines by default"


def _constants(report: Report) -> str:
    found = [f"{code(item.id)} {escape(item.shown)}, {item.year}{' (stale)' if item.stale else ''}" for item in report.decision.constants]
    return f"- **Published numbers used**: {'; '.join(found)}" if found else ""


def _bare(table: Table) -> Table:
    return replace(table, intro="")


def _table(table: Table, rows: int) -> str:
    if not table.rows:
        return ""
    more = len(table.rows) - rows
    shown = _grid(replace(table, rows=table.rows[:rows])) + (
        [f"| and {more} more {'| ' * len(table.columns)}".rstrip()] if more > 0 else []
    )
    told = [escape(text) for text in (table.intro, *(f"{remark.marker} {remark.text}".strip() for remark in table.remarks)) if text]
    return "\n".join([*shown, *(["", " ".join(text if text.endswith(".") else f"{text}." for text in told)] if told else [])])


def _grid(table: Table) -> list[str]:
    """Return a table with its title as the head of the first column: a heading would take two more lines."""
    titles = [f"{escape(table.title)}: {_title(table.columns[0])}", *map(_title, table.columns[1:])]
    head = "| " + " | ".join(titles) + " |"
    rule = "|" + "|".join(" ---: " if column.number else " --- " for column in table.columns) + "|"
    return [
        head,
        rule,
        *("| " + " | ".join(text for cell in row for text in (_cell(cell), *[""] * (cell.span - 1))) + " |" for row in table.rows),
    ]


def _title(column: Column) -> str:
    return escape(f"{column.title}, {column.side}" if column.side and column.side != column.title else column.title)


def _figure(item: findings.KeyFigure) -> str:
    return f"- {escape(item.label)}: **{escape(item.cell.text)}**{_rest(item.cell)}"


def _cell(cell: Cell) -> str:
    text = code(cell.text) if cell.code and cell.text else escape(cell.text)
    return f"{text}{f' <sup>{cell.marker}</sup>' if cell.marker else ''}{_rest(cell)}"


def _rest(cell: Cell) -> str:
    inside = one_line(Cell("", cell.detail, cell.tags)).strip()
    return f" <sub>{escape(inside.removeprefix('(').removesuffix(')'))}</sub>" if inside else ""


def _alert(banners: Sequence[Note]) -> str:
    return "\n".join(["> [!WARNING]", *(f"> {escape(note.text)}" for note in banners)]) if banners else ""


def _commands(commands: tuple[tuple[str, str], ...]) -> str:
    lines = [line for advice, command in commands for line in (f"# {advice}", command)]
    return "\n".join(["```sh", *(_on_one_line(line).replace("```", "") for line in lines), "```"])
