"""Hold what all charts share: colours, words beside a plot, and how a drawing becomes inline SVG in two widths."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from edgekit.reports.lettering import width_px
from edgekit.reports.show import Cell
from edgekit.reports.svg import inline

# Each colour stands for one CSS variable of the page; the values here are never seen.
COLOURS = {
    "#000001": "--ink",
    "#000002": "--soft",
    "#000003": "--hair",
    "#000004": "--device",
    "#000005": "--cloud",
    "#000006": "--slot-1",
    "#000007": "--slot-2",
    "#000008": "--slot-3",
    "#000009": "--slot-4",
    "#00000a": "--slot-5",
    "#00000b": "--slot-6",
    "#00000c": "--slot-7",
    "#00000d": "--sheet",
}
HEX = {variable: colour for colour, variable in COLOURS.items()}
TOTAL, NARROW = 1010, 318  # pixels: as wide as the page lets a chart be, and as wide as a phone does
SIZE, SMALL = 13, 12


@dataclass(frozen=True, slots=True)
class Chart:
    """Hold one chart, drawn twice in markup that needs no escaping (`wide` and `narrow`), and a caption that says what to see."""

    wide: Markup
    narrow: Markup
    caption: str


class Markup(str):
    """Mark text that is markup already."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


@dataclass(frozen=True, slots=True)
class Line:
    """Hold the words of one row of a chart: its name, and its figure with the tags that go with it."""

    name: str
    cell: Cell

    @property
    def figure(self) -> str:
        """Return the figure with its tags in brackets."""
        return f"{self.cell.text} ({', '.join(self.cell.tags)})"


@dataclass(frozen=True, slots=True)
class Worded:
    """Hold a plot, words beside it in its coordinates, and the pixels they take left and right of it."""

    plot: Any
    words: str
    left: float
    right: float


def with_words(drawn: Any, lines: Sequence[Line], *, step: int, wide: bool) -> Worded:
    """Return a chart with its words: name left and figure right of the plot, or both above each row on a narrow page.

    They are written here, row by row, for the renderer measures every word that it writes, which took most of a report's time.
    """
    import altair as alt

    rows = [(step * (place + 0.5) + 4, line) for place, line in enumerate(lines)]
    if not wide:
        words = _words("words over", [_text(0, y_px - 18, line.name) for y_px, line in rows])
        words += _words("words over small", [_text(0, y_px - 2, line.figure) for y_px, line in rows])
        longest = max(max(width_px(line.name, SIZE), width_px(line.figure, SMALL)) for line in lines)
        return Worded(drawn.properties(width=NARROW, height=alt.Step(step)), words, 0, max(0.0, longest - NARROW))
    left, right = (max(width_px(getattr(line, part), SIZE) for line in lines) + 14 for part in ("name", "figure"))
    width = max(280, round(TOTAL - left - right - 4))
    words = _words("words", [_text(-14, y_px, line.name) for y_px, line in rows], anchor="end")
    words += _words("words", [_text(width + 14, y_px, line.figure) for y_px, line in rows])
    return Worded(drawn.properties(width=width, height=alt.Step(step)), words, left, right)


def _words(style: str, texts: Sequence[str], *, anchor: str = "") -> str:
    placed = f' text-anchor="{anchor}"' if anchor else ""
    return f'<g class="{style}"{placed}>{"".join(texts)}</g>'


def _text(x_px: float, y_px: float, words: str) -> str:
    return f'<text x="{x_px:g}" y="{y_px:g}">{escape(printable(words), quote=False)}</text>'


def twice(name: str, label: str, caption: str, plot: Callable[[bool], Any]) -> Chart:
    """Return a chart from `plot(wide)`, drawn for a wide page and for a narrow one."""
    wide, narrow = (svg(plot(width), prefix=f"{name}-{suffix}", label=label) for width, suffix in ((True, "wide"), (False, "narrow")))
    return Chart(wide, narrow, caption)


def svg(chart: Any, *, prefix: str, label: str) -> Markup:
    """Return an Altair chart, or one with words, as inline SVG; `prefix` keeps its ids apart from those of others."""
    import vl_convert

    worded = chart if isinstance(chart, Worded) else Worded(chart, "", 0, 0)
    spec = worded.plot.configure(
        background="transparent",
        padding={"left": 2 + round(worded.left), "right": 2 + round(worded.right), "top": 2, "bottom": 2},
        view={"stroke": None},
        axis={
            "labelColor": HEX["--soft"],
            "titleColor": HEX["--soft"],
            "gridColor": HEX["--hair"],
            "labelFontSize": SMALL,
            "titleFontSize": SMALL,
            "titleFontWeight": "normal",
            "titlePadding": 8,
        },
        legend={"labelColor": HEX["--ink"], "labelFontSize": SMALL, "rowPadding": 4, "offset": 14},
        font="Liberation Sans",
    ).to_dict(validate=False)  # what is drawn here is no user's: checking it against the schema took longer than drawing it
    drawn = vl_convert.vegalite_to_svg(_shown(spec))
    return Markup(inline(drawn, prefix=prefix, label=label, colours=COLOURS, words=worded.words))


def decades(low: float, high: float, most: int) -> list[float]:
    """Return powers of ten around [low, high], thinned to about `most` but with both ends."""
    found = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    return found if len(found) <= most else found[:: -(-len(found) // most)]


def log_scale(alt: Any, low: float, high: float) -> Any:
    """Return a logarithmic scale over whole powers of ten that hold [low, high]."""
    ends = decades(low, high if high > low else low * 1.001, 10**6)
    return alt.Scale(type="log", domain=[ends[0], ends[-1]], nice=False)


def log_axis(alt: Any, low: float, high: float, suffix: str, *, most: int) -> Any:
    """Return an axis labelled at powers of ten with SI prefixes and a unit ("J"), or with "x" for a ratio."""
    label = "format(datum.value, '~g') + 'x'" if suffix == "x" else f"replace(format(datum.value, '~s'), /([a-zA-Zµ]?)$/, ' $1{suffix}')"
    return alt.Axis(values=decades(low, high, most), labelExpr=label, tickSize=0, domain=False, labelPadding=6)


def at(x: Any, name: str) -> Any:
    """Return an encoding that reads another field."""
    found = x.copy()
    found["shorthand"] = f"{name}:Q"
    return found


def side_colours(alt: Any) -> Any:
    """Return the colour scale of device and cloud."""
    return alt.Scale(domain=["device", "cloud"], range=[HEX["--device"], HEX["--cloud"]])


def _shown(value: Any) -> Any:
    """Return a chart's description with control characters made visible: the renderer aborts the process on them."""
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return printable(value) if isinstance(value, str) else value


def printable(words: str) -> str:
    """Return words with control characters made visible."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words)
