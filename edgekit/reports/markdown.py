"""Render a report as GitHub-flavoured Markdown, with the content of the HTML page; long evidence is folded."""

from __future__ import annotations

from edgekit.core.quantity import Note
from edgekit.reports import evidence, findings, operators
from edgekit.reports.model import Report
from edgekit.reports.show import Cell, Column, Table, one_line

_ESCAPED = str.maketrans({char: f"\\{char}" for char in "\\`*_[]#|~"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "\n": " ", "\r": " "})


def render(report: Report) -> str:
    """Return the whole report."""
    decision, verdict = report.decision, report.decision.verdict
    parts = [f"# {escape(report.title)}"]
    parts += [_alert("WARNING", note) for note in report.banners]
    parts += [f"**{escape(verdict.headline)}**", escape(verdict.sentence), f"*{escape(verdict.regime)}*"]
    parts += ["\n".join(_figure(item) for item in findings.key_figures(report))]
    parts += [_table(findings.totals(report))]
    parts += ["## What would change the answer", escape(verdict.condition)]
    if verdict.next_measurement:
        parts.append(f"Worth knowing next: {escape(verdict.next_measurement)}.")
    parts += [_commands(verdict.commands)] if verdict.commands else []
    notes = [note for note in decision.notes if note not in report.banners]
    parts += ["\n".join(f"- {escape(note.text)}" for note in notes)] if notes else []
    parts += [_table(table) for table in (findings.slots(report), findings.views(report), evidence.runs(report)) if table.rows]
    parts += ["<details><summary>Evidence</summary>", *(_table(table) for table in _evidence(report) if table.rows)]
    parts += [_assumptions(report), *(_table(table) for table in _sources(report) if table.rows), "</details>"]
    parts += ["## Reproduce", _commands(report.commands)] if report.commands else []
    parts.append(f"Newest run: {escape(report.created)}. {decision.draws:,} draws, seed {decision.seed}.")
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """Return text that Markdown and HTML show as it is."""
    return text.replace("CO2e", "CO₂e").translate(_ESCAPED)


def _evidence(report: Report) -> list[Table]:
    return [
        findings.not_included(report),
        evidence.performance(report),
        findings.flips(report),
        findings.influences(report),
        *operators.tables(report),
        evidence.budgets(report),
        evidence.published(report),
    ]


def _sources(report: Report) -> list[Table]:
    return [evidence.constants(report), evidence.environment(report)]


def _table(table: Table) -> str:
    if not table.rows:
        return ""
    lines = _grid(table) if len(table.columns) > 2 else [*([escape(table.intro), ""] if table.intro else []), *map(_item, table.rows)]
    return "\n".join([f"## {escape(table.title)}", "", *lines])


def _item(row: tuple[Cell, ...]) -> str:
    first, second = row
    return f"- {_cell(first)}: {_cell(second)}"


def _assumptions(report: Report) -> str:
    """Return the assumptions in one line for each source."""
    table = evidence.assumptions(report)
    by_source: dict[str, list[str]] = {}
    for name, value, source, _ in table.rows:
        by_source.setdefault(source.text, []).append(f"`{name.text}` {escape(value.text)}")
    lines = [f"- {escape(source)}: {'; '.join(found)}" for source, found in by_source.items()]
    return "\n".join([f"## {escape(table.title)}", "", escape(table.intro), "", *lines])


def _grid(table: Table) -> list[str]:
    head = "| " + " | ".join(_title(column) for column in table.columns) + " |"
    rule = "|" + "|".join(" ---: " if column.number else " --- " for column in table.columns) + "|"
    rows = ["| " + " | ".join(text for cell in row for text in (_cell(cell), *[""] * (cell.span - 1))) + " |" for row in table.rows]
    intro = [escape(table.intro), ""] if table.intro else []
    remarks = [f"- {f'<sup>{remark.marker}</sup> ' if remark.marker else ''}{escape(remark.text)}" for remark in table.remarks]
    return [*intro, head, rule, *rows, *([""] if remarks else []), *remarks]


def _title(column: Column) -> str:
    return escape(f"{column.title}, {column.side}" if column.side and column.side != column.title else column.title)


def _figure(item: findings.KeyFigure) -> str:
    return f"- {escape(item.label)}: **{escape(item.cell.text)}**{_rest(item.cell)}"


def _cell(cell: Cell) -> str:
    text = f"`{cell.text.replace('`', '').replace('|', '')}`" if cell.code and cell.text else escape(cell.text)
    return f"{text}{f' <sup>{cell.marker}</sup>' if cell.marker else ''}{_rest(cell)}"


def _rest(cell: Cell) -> str:
    inside = one_line(Cell("", cell.detail, cell.tags)).strip()
    return f" <sub>{escape(inside.removeprefix('(').removesuffix(')'))}</sub>" if inside else ""


def _alert(kind: str, note: Note) -> str:
    return f"> [!{kind}]\n> {escape(note.text)}"


def _commands(commands: tuple[tuple[str, str], ...]) -> str:
    lines = [line for advice, command in commands for line in (f"# {advice}", command)]
    return "\n".join(["```sh", *(line.replace("```", "") for line in lines), "```"])
