"""Draw where the meters sit: for each side the way of the power, what a meter counts of it, and what it does not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from edgekit.core.boundary import Boundary, sees
from edgekit.core.decision import Side
from edgekit.core.quantity import Estimate
from edgekit.reports.charts.frame import Chart, Markup
from edgekit.reports.model import Report, RunRow
from edgekit.reports.remarks import run_names

_PATHS = {
    Side.DEVICE: ("socket", "power supply", "board", "chip", "cores"),
    Side.CLOUD: ("grid", "data centre", "server", "GPU board", "GPU memory"),
}
# The part of the path that a meter at each boundary counts begins behind so many of its boxes.
_BEHIND = {
    Side.DEVICE: {
        Boundary.GRID: 0,
        Boundary.WALL: 1,
        Boundary.USB_INPUT: 2,
        Boundary.BATTERY: 2,
        Boundary.CPU_CORE: 4,
        Boundary.CPU_UNCORE: 4,
        Boundary.GPU_MEMORY: 4,
    },
    Side.CLOUD: {Boundary.GRID: 0, Boundary.WALL: 2, Boundary.GPU_MEMORY: 4},
}
_INSIDE = 3
_WIDE, _NARROW = 1010, 318


@dataclass(frozen=True, slots=True)
class _Path:
    """Hold one side: its boxes, behind how many of them the meter sits, and the words about it."""

    side: Side
    boxes: tuple[str, ...]
    behind: int
    title: str
    meter: str
    counts: str


def picture(report: Report) -> Chart | None:
    """Return the metering points of the chosen runs (the first of each side where none is); None where no boundary is known."""
    found = [path for side in (Side.DEVICE, Side.CLOUD) if (path := _path(report, side)) is not None]
    if not found:
        return None
    label = "Metering points. " + "; ".join(f"{path.title}: {path.meter}, which counts {path.counts}" for path in found)
    caption = (
        "Solid boxes are inside what the meter counts. Dashed ones are not: they are added from constants where a slot of the "
        "table says so, and else the figure is a lower bound."
    )
    return Chart(_wide(found, label), _narrow(found, label), caption)


def _path(report: Report, side: Side) -> _Path | None:
    rows = [row for row in report.runs if row.side is side and row.energy_j.boundary is not None]
    row: RunRow | None = next((row for row in rows if row.chosen), next(iter(rows), None))
    if row is None or row.energy_j.boundary is None:
        return None
    boundary = row.energy_j.boundary
    origins = ", ".join(origin.value for origin in row.energy_j.origins) if isinstance(row.energy_j, Estimate) else ""
    modeled = row.energy_j.origins and all(origin.value == "modeled" for origin in row.energy_j.origins)
    instrument = "no meter" if modeled or not row.meters else row.meters[0]
    return _Path(
        side,
        _PATHS[side],
        _BEHIND[side].get(boundary, _INSIDE),
        f"{'Device' if side is Side.DEVICE else 'Cloud'}: {run_names(report.runs)[row.run]}",
        f"{_cut(instrument, 40)} at {boundary.value}{f' ({origins})' if origins else ''}",
        sees(boundary),
    )


def _wide(paths: Sequence[_Path], label: str) -> Markup:
    width, gap, height, step = 158, 50, 34, 132
    parts = []
    for number, path in enumerate(paths):
        top = number * step
        parts.append(_text(0, top + 14, _cut(path.title, 90), weight="600"))
        for place, name in enumerate(path.boxes):
            x = place * (width + gap)
            parts.append(_box(x, top + 28, width, height, name, path, counted=place >= path.behind))
            if place:
                parts.append(f'<path d="M{x - gap} {top + 45}h{gap}" style="stroke:var(--soft)"/>')
        middle = max(8.0, path.behind * (width + gap) - gap / 2)
        parts.append(_meter(middle, top + 45, path))
        anchor = "start" if path.behind < 2 else "middle" if path.behind < 4 else "end"
        at = max(0.0, middle - 8) if anchor == "start" else min(_WIDE, middle + 8) if anchor == "end" else middle
        parts.append(f'<path d="M{middle:g} {top + 54}v14" style="stroke:var(--ink)"/>')
        parts.append(_text(at, top + 82, path.meter, anchor=anchor))
        parts.append(_text(at, top + 98, f"counts {path.counts}", anchor=anchor, soft=True))
    return _svg(_WIDE, len(paths) * step - 24, parts, label)


def _narrow(paths: Sequence[_Path], label: str) -> Markup:
    width, height, gap = 118, 28, 16
    parts, top = [], 0.0
    for path in paths:
        lines = _wrapped(path.title, 44)
        for line in lines:
            parts.append(_text(0, top + 14, line, weight="600"))
            top += 17
        top += 6
        for place, name in enumerate(path.boxes):
            y = top + place * (height + gap)
            parts.append(_box(1, y, width, height, name, path, counted=place >= path.behind))
            if place:
                parts.append(f'<path d="M{width / 2:g} {y - gap}v{gap}" style="stroke:var(--soft)"/>')
        y = max(top + path.behind * (height + gap) - gap / 2, top + 4)
        parts.append(_meter(width / 2, y, path))
        parts.append(f'<path d="M{width / 2 + 9:g} {y:g}H{width + 12}" style="stroke:var(--ink)"/>')
        words = [*((line, False) for line in _wrapped(path.meter, 28)), *((line, True) for line in _wrapped(f"counts {path.counts}", 28))]
        start = min(y, top + 5 * (height + gap) - 15 * len(words))
        for line, soft in words:
            parts.append(_text(width + 18, start + 4, line, soft=soft))
            start += 15
        top = max(top + 5 * (height + gap) + 8, start + 12)
    return _svg(_NARROW, top - 8, parts, label)


def _box(x: float, y: float, width: float, height: float, name: str, path: _Path, *, counted: bool) -> str:
    colour = "--device" if path.side is Side.DEVICE else "--cloud"
    look = f"fill:var({colour}-wash);stroke:var({colour})" if counted else "fill:none;stroke:var(--soft)"
    dash = "" if counted else ' stroke-dasharray="4 3"'
    words = _text(x + width / 2, y + height / 2 + 4.5, name, anchor="middle", soft=not counted)
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="3"{dash} style="{look}"/>{words}'


def _meter(x: float, y: float, path: _Path) -> str:
    colour = "--device" if path.side is Side.DEVICE else "--cloud"
    ring = f'<circle cx="{x:g}" cy="{y:g}" r="8" style="fill:var(--sheet);stroke:var({colour})" stroke-width="2.5"/>'
    return f'{ring}<path d="M{x:g} {y:g}l4 -4" stroke-width="2" style="stroke:var({colour})"/>'


def _text(x: float, y: float, words: str, *, anchor: str = "start", soft: bool = False, weight: str = "") -> str:
    bold = f' font-weight="{weight}"' if weight else ""
    colour = "--soft" if soft else "--ink"
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words)
    return f'<text x="{x:g}" y="{y:g}" font-size="12.5" text-anchor="{anchor}"{bold} style="fill:var({colour})">{escape(shown)}</text>'


def _svg(width: float, height: float, parts: Sequence[str], label: str) -> Markup:
    opening = (
        f'<svg role="img" aria-label="{escape(label, quote=True)}" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    )
    return Markup(f"{opening}>{''.join(parts)}</svg>")


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _wrapped(words: str, most: int) -> list[str]:
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = _cut(f"{lines[-1]} {word}".strip(), most)
    return lines
