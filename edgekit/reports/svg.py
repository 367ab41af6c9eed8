"""Turn what vl-convert draws into SVG that lives inside a page: own ids, colours as CSS variables, no background, one label."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

_DROPPED = re.compile(r' (?:xmlns(?::\w+)?|version|role|aria-[\w-]+|aria|font-family|pointer-events|class)="[^"]*"')
_INVISIBLE = re.compile(r'<text[^>]*(?:opacity="0"[^>]*>[^<]*</text>|/>)|<path[^>]* d=""[^>]*/>')
_BACKGROUND = re.compile(r'<rect width="[\d.]+" height="[\d.]+" fill="white"/>')
_TAG = re.compile(r"<(\w+)([^<>]*?)(/?)>")
_COLOUR = re.compile(r' (fill|stroke)="(#[0-9a-fA-F]{6})"')
_LONG = re.compile(r"(-?\d+\.\d\d)\d+")  # a hundredth of a pixel is enough
_DEFAULTS = re.compile(r' (?:opacity|stroke-width)="1"| font-weight="normal"| transform="translate\(0,0\)"')
_NOTHING = re.compile(r'<line[^>]* x2="0" y2="0"[^>]*/>|<path d="M0,0h0v0h0Z"[^>]*/>')  # ticks without length, views without size
_PLAIN = re.compile(r' font-size="12px"')  # of text, as the page's style has it
_ID = re.compile(r' id="([^"]+)"')


def inline(markup: str, *, prefix: str, label: str, colours: Mapping[str, str]) -> str:
    """Return `markup` for use inside HTML. `colours` maps each "#rrggbb" the chart uses to a CSS variable ("--device")."""
    text = _INVISIBLE.sub("", _BACKGROUND.sub("", markup, count=1))
    text = _NOTHING.sub("", _DROPPED.sub("", text))
    for name in dict.fromkeys(_ID.findall(text)):
        text = text.replace(f'id="{name}"', f'id="{prefix}-{name}"').replace(f"url(#{name})", f"url(#{prefix}-{name})")
    text = _TAG.sub(lambda match: _themed(match, colours), text)
    return text.replace("<svg", f'<svg role="img" aria-label="{html.escape(label, quote=True)}"', 1)


def _themed(match: re.Match[str], colours: Mapping[str, str]) -> str:
    name, attributes, end = match.groups()
    attributes = _LONG.sub(r"\1", _DEFAULTS.sub("", attributes))
    attributes = _PLAIN.sub("", attributes) if name == "text" else attributes
    styles = [f"{kind}:var({colours[value.lower()]})" for kind, value in _COLOUR.findall(attributes) if value.lower() in colours]
    if name == "text" and styles == ["fill:var(--soft)"]:  # what text has on the page anyway
        return f"<{name}{_COLOUR.sub('', attributes)}{end}>"
    if not styles:
        return f"<{name}{attributes}{end}>"
    kept = _COLOUR.sub(lambda found: "" if found.group(2).lower() in colours else found.group(0), attributes)
    return f'<{name}{kept} style="{";".join(styles)}"{end}>'
