"""Know the text of a configuration, so that a complaint can name the line."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.core.errors import SetupError


class Page:
    """Hold one configuration as it was written."""

    def __init__(self, text: str, path: Path) -> None:
        self._lines = text.splitlines()
        self._path = path

    def wrong(self, where: tuple[str, ...], why: str, do: tuple[tuple[str, str], ...] = ()) -> SetupError:
        """Return the error for the key `where`."""
        line = self._line_of(where)
        place = f"{self._path}, line {line}" if line else str(self._path)
        edit = ("open it there:", f"${{EDITOR:-vi}} {f'+{line} ' if line else ''}{shlex.quote(str(self._path))}")
        return SetupError(f"{place}: {'.'.join(where)} is wrong", code="config.invalid", why=why, do=[*do, edit])

    def check_keys(self, table: Mapping[str, Any], where: tuple[str, ...], allowed: tuple[str, ...]) -> None:
        """Raise SetupError for the first key that nobody reads."""
        for key in table:
            if key not in allowed:
                near = difflib.get_close_matches(key, allowed, n=1)
                do = tuple((f"did you mean {match}?", "") for match in near)
                raise self.wrong((*where, key), f"no setting has this name; known here: {', '.join(allowed)}", do)

    def tables(self, data: Mapping[str, Any], section: str) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the named tables of a section."""
        found = data.get(section, {})
        if not isinstance(found, dict):
            raise self.wrong((section,), f"it is a {type(found).__name__}; write [{section}.NAME]")
        for name, table in found.items():
            if not isinstance(table, dict):
                raise self.wrong((section, name), f"it is a {type(table).__name__}; write [{section}.{name}]")
        return list(found.items())

    def text_value(self, value: Any, where: tuple[str, ...]) -> str:
        """Return `value` when it is text."""
        if not isinstance(value, str):
            raise self.wrong(where, f"it is {value!r}; text in quotes is expected")
        return value

    def texts(self, value: Any, where: tuple[str, ...]) -> tuple[str, ...]:
        """Return `value` when it is a list of texts."""
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(where, f"it is {value!r}; a list of texts in quotes is expected")
        return tuple(value)

    def options(self, table: Mapping[str, Any], where: tuple[str, ...]) -> dict[str, str]:
        """Return the options of a device or meter as text."""
        found = table.get("options", {})
        if not isinstance(found, dict) or any(isinstance(value, (dict, list)) for value in found.values()):
            raise self.wrong((*where, "options"), "options is a table of single values")
        return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in found.items()}

    def _line_of(self, where: tuple[str, ...]) -> int | None:
        """Return the line of a key, or of the nearest table around it that can be found."""
        for depth in range(len(where), 0, -1):
            header = re.compile(r"\s*\[\s*" + r"\s*\.\s*".join(_key_pattern(part) for part in where[:depth]) + r"\s*\]")
            if (line := self._first(header)) is not None:
                rest = where[depth:]
                return self._first(re.compile(rf"\s*{_key_pattern(rest[0])}\s*[=.]"), line) or line if rest else line
        return self._first(re.compile(rf"\s*{_key_pattern(where[0])}\s*[=.]")) or self._first(
            re.compile(rf"\s*\[\s*{_key_pattern(where[0])}")
        )

    def _first(self, pattern: re.Pattern[str], after: int = 0) -> int | None:
        return next((number for number, line in enumerate(self._lines, 1) if number > after and pattern.match(line)), None)


def _key_pattern(key: str) -> str:
    return rf"[\"']?{re.escape(key)}[\"']?"
