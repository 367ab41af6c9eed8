"""Turn what vl-convert draws into SVG that lives inside a page: own ids, colours as CSS variables, no background, one label, few bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from itertools import pairwise
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

_KEPT = (
    *("id", "d", "x", "y", "x1", "y1", "x2", "y2", "width", "height", "transform", "viewBox", "clip-path", "opacity"),
    *("fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "stroke-opacity"),
    *("text-anchor", "font-size", "font-weight"),
)
_DEFAULTS = {
    "opacity": "1",
    "fill-opacity": "1",
    "stroke-opacity": "1",
    "stroke-width": "1",
    "font-weight": "normal",
    "transform": "translate(0,0)",
    "text-anchor": "start",
    "x2": "0",
    "y2": "0",
}
_SHARED = ("text-anchor", "style", "stroke", "fill", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin")
_SIZE = "12px"  # of text, as the page's style has it
_LONG = re.compile(r"-?\d+\.\d{2,}")
_CIRCLE = re.compile(r"M([\d.]+),0A\1,\1,0,1,1,-\1,0A\1,\1,0,1,1,\1,0")
_LINE = re.compile(r"M-?[\d.]+,-?[\d.]+(?:L-?[\d.]+,-?[\d.]+){3,}Z?")


def inline(markup: str, *, prefix: str, label: str, colours: Mapping[str, str], words: str = "") -> str:
    """Return `markup` for use inside HTML. `colours` maps each "#rrggbb" the chart uses to a CSS variable ("--device").

    `words` is markup of words beside the plot, in the coordinates of the plot.
    """
    root = ElementTree.fromstring(markup)  # noqa: S314  # the renderer wrote it, and nobody else
    parts = [part for child in root for part in _clean(child, colours)]
    drawn = "".join(_written(part) for part in parts)
    place = re.search(r'transform="translate\(([-\d.,]+)\)"', markup)
    if words and place:
        drawn += f'<g transform="translate({_tenths(place.group(1))})">{words}</g>'
    for name in dict.fromkeys(re.findall(r' id="([^"]+)"', drawn)):
        drawn = drawn.replace(f'id="{name}"', f'id="{prefix}-{name}"').replace(f"url(#{name})", f"url(#{prefix}-{name})")
    size = "".join(f' {name}="{root.attrib[name]}"' for name in ("width", "height", "viewBox") if name in root.attrib)
    return f'<svg role="img" aria-label="{escape(label, quote=True)}"{size}>{drawn}</svg>'


def _clean(element: Element, colours: Mapping[str, str], *, drawn: bool = True) -> list[Element]:
    """Return what is left of an element: nothing where nothing of it is seen, its parts where it only holds them together.

    What is not `drawn` but referred to, such as a clipping path, stays.
    """
    name = element.tag.rpartition("}")[2]
    drawn = drawn and name != "defs"
    found = Element(name, _attributes(name, element.attrib, colours))
    found.text = element.text if name == "text" else None
    found.extend(part for child in element for part in _clean(child, colours, drawn=drawn))
    if name == "g":
        _share(found)
        return [found] if (len(found) and found.attrib) or "id" in found.attrib else list(found)
    if drawn and _unseen(name, element, found):
        return []
    circle = _CIRCLE.fullmatch(element.get("d", ""))
    if name == "path" and circle:
        found.tag = "circle"
        del found.attrib["d"]
        found.set("r", _tenths(circle.group(1)))
    return [found]


def _unseen(name: str, element: Element, found: Element) -> bool:
    if name == "text":
        return not element.text or element.get("opacity") == "0"
    if name == "line":
        return not {"x2", "y2"} & set(found.attrib)
    if name == "rect":
        return element.get("fill") == "white"  # the background
    return name == "path" and (not found.get("d") or not {"fill", "stroke", "style"} & set(found.attrib))


def _attributes(name: str, given: Mapping[str, str], colours: Mapping[str, str]) -> dict[str, str]:
    found = {key: value for key, value in given.items() if key in _KEPT and value != _DEFAULTS.get(key)}
    styles = []
    for kind in ("fill", "stroke"):
        if found.get(kind, "").lower() in colours:
            styles.append(f"{kind}:var({colours[found.pop(kind).lower()]})")
    if name == "text" and styles == ["fill:var(--soft)"]:  # what text has on the page anyway
        styles = []
    if name == "text" and found.get("font-size") == _SIZE:
        del found["font-size"]
    if name != "g" and "stroke" not in found and not any(style.startswith("stroke") for style in styles):
        found = {key: value for key, value in found.items() if not key.startswith("stroke-")}
    if styles:
        found["style"] = ";".join(styles)
    if "d" in found:
        found["d"] = _LINE.sub(lambda line: _relative(line.group()), found["d"])
    return {key: value if key in ("id", "style") or key.endswith("opacity") else _tenths(value) for key, value in found.items()}


def _share(group: Element) -> None:
    """Say once, at the group, what all its parts say."""
    parts = list(group)
    if len(parts) < 2:
        return
    for key in _SHARED:
        values = {part.get(key) for part in parts}
        of_text = key != "text-anchor" and any(part.tag in ("text", "g") for part in parts)  # the page styles text by its name
        if len(values) == 1 and None not in values and key not in group.attrib and not of_text:
            group.set(key, parts[0].attrib[key])
            for part in parts:
                del part.attrib[key]


def _relative(line: str) -> str:
    """Return a line of many points as steps in tenths of a pixel: each is rounded where it ends, so that no error adds up."""
    points = [tuple(round(10 * float(number)) for number in point.split(",")) for point in line.strip("MZ").split("L")]
    steps = [(x - x0, y - y0) for (x0, y0), (x, y) in pairwise(points)]
    return f"M{_pair(points[0])}l{' '.join(_pair(step) for step in steps)}{'Z' if line.endswith('Z') else ''}"


def _pair(tenths: tuple[int, ...]) -> str:
    return ",".join(_number(value / 10) for value in tenths)


def _tenths(text: str) -> str:
    """Return text whose numbers have one digit behind the point: a tenth of a pixel is enough."""
    return _LONG.sub(lambda found: _number(float(found.group())), text)


def _number(value: float) -> str:
    short = f"{value:.1f}".removesuffix(".0").replace("0.", ".", 1) if abs(value) < 1 else f"{value:.1f}".removesuffix(".0")
    return "0" if short in ("-0", "", ".") else short


def _written(element: Element) -> str:
    attributes = "".join(f' {key}="{escape(value, quote=True)}"' for key, value in element.attrib.items())
    inside = escape(element.text or "", quote=False) + "".join(_written(part) for part in element)
    return f"<{element.tag}{attributes}>{inside}</{element.tag}>" if inside else f"<{element.tag}{attributes}/>"
