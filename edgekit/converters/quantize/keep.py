"""Find the layers that a mixed precision leaves in float."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgekit.core.errors import UsageError, unknown_name


def kept(asked: Sequence[str], layers: Sequence[str]) -> tuple[str, ...]:
    """Return the names of `layers` that `asked` means, in their order: each word is a layer's whole name or a regular expression in it.

    Raises UsageError for a word that means no layer.
    """
    wanted: set[str] = set()
    for word in asked:
        found = {word} & set(layers) or _matching(word, layers)
        if not found:
            raise unknown_name("layer", word, set(layers), list_command="edgekit convert ... --sensitivity")
        wanted |= found
    return tuple(name for name in layers if name in wanted)


def _matching(word: str, layers: Sequence[str]) -> set[str]:
    try:
        pattern = re.compile(word)
    except re.error as error:
        raise UsageError(
            f"the layer {word} cannot be meant",
            code="layer.pattern",
            why=f"it is no layer's name and no regular expression: {error}",
            do=[("see the layers:", "edgekit convert ... --sensitivity")],
        ) from error
    return {name for name in layers if pattern.search(name)}
