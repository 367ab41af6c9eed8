"""Render a report as GitHub-flavoured Markdown, with the content of the HTML page."""

from __future__ import annotations

from edgekit.core.quantity import Note
from edgekit.reports import evidence, findings
from edgekit.reports.model import Report
from edgekit.reports.show import Cell, Table, one_line

_ESCAPED = str.maketrans({char: f"\\{char}" for char in "\\`*_[]#|~"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "\n": " ", "\r": " "})


def render(report: Report) -> str:
    """Return the whole report."""
    decision, verdict = report.decision, report.decision.verdict
    parts = [f"# {escape(report.title)}"]
    parts += [_alert("WARNING", note) for note in report.banners]
    parts += [f"**{escape(verdict.headline)}**", escape(verdict.sentence), f"*{escape(verdict.regime)}*"]
    parts += ["## What would change the answer", escape(verdict.condition)]
    if verdict.next_measurement:
        parts.append(f"Largest uncertainty: {escape(verdict.next_measurement)}.")
    parts += [_commands(verdict.commands)] if verdict.commands else []
    figures = findings.key_figures(report)
    parts += ["## Key figures"]
    parts += ["\n".join(f"- {escape(item.label)}: **{escape(item.cell.text)}**{_rest(item.cell)}" for item in figures)]
    parts += ["\n".join(f"- {escape(note.text)}" for note in decision.notes)] if decision.notes else []
    parts += [_table(table) for table in _first(report) if table.rows]
    details = [_table(table) for table in _rest_of(report) if table.rows]
    parts += ["<details><summary>Evidence: budgets, assumptions, constants, environment</summary>", *details, "</details>"]
    parts += ["## Reproduce", _commands(report.commands)] if report.commands else []
    parts.append(f"Newest run: {escape(report.created)}. {decision.draws:,} draws, seed {decision.seed}.")
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Return text that Markdown and HTML show as it is."""
    return text.translate(_ESCAPED)


def _first(report: Report) -> list[Table]:
    return [findings.not_included(report), findings.slots(report), findings.views(report), evidence.runs(report), findings.totals(report)]


def _rest_of(report: Report) -> list[Table]:
    return [
        evidence.performance(report),
        findings.flips(report),
        findings.influences(report),
        evidence.budgets(report),
        evidence.assumptions(report),
        evidence.constants(report),
        evidence.environment(report),
    ]


def _table(table: Table) -> str:
    head = "| " + " | ".join(escape(column.title) for column in table.columns) + " |"
    rule = "|" + "|".join(" ---: " if column.number else " --- " for column in table.columns) + "|"
    rows = ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in table.rows]
    intro = [escape(table.intro), ""] if table.intro else []
    return "\n".join([f"## {escape(table.title)}", "", *intro, head, rule, *rows])


def _cell(cell: Cell) -> str:
    text = f"`{cell.text.replace('`', '').replace('|', '')}`" if cell.code and cell.text else escape(cell.text)
    return f"{text}{_rest(cell)}"


def _rest(cell: Cell) -> str:
    inside = one_line(Cell("", cell.detail, cell.tags)).strip()
    return f" <sub>{escape(inside.removeprefix('(').removesuffix(')'))}</sub>" if inside else ""


def _alert(kind: str, note: Note) -> str:
    return f"> [!{kind}]\n> {escape(note.text)}"


def _commands(commands: tuple[tuple[str, str], ...]) -> str:
    lines = [line for advice, command in commands for line in (f"# {advice}", command)]
    return "\n".join(["```sh", *(line.replace("```", "") for line in lines), "```"])
