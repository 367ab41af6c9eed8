"""Choose the published figures that a run is held against: those of its own benchmark, else a few that show orders of magnitude."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.core.boundary import Boundary


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Hold one published figure in joules per inference: of which benchmark, on what, at which boundary, and where it stands."""

    benchmark: str
    title: str
    system: str
    runtime: str
    energy_j: float
    boundary: Boundary
    round: str
    source: str
    same_model: bool


def anchors(text: str, names: Sequence[str]) -> tuple[Anchor, ...]:
    """Return the rows of `text` (published.toml) for a model with one of `names`, largest first.

    Raises:
        KeyError, ValueError: the file that ships with edgekit is not what this function expects.
    """
    import tomllib

    asked = {name.casefold() for name in names}
    sets = tomllib.loads(text)["set"]
    own = {entry["benchmark"] for entry in sets if asked & {name.casefold() for name in entry["names"]}}
    found = [
        Anchor(
            benchmark=entry["benchmark"],
            title=entry["title"],
            system=row["system"],
            runtime=row["runtime"],
            energy_j=row["energy_j"],
            boundary=Boundary(entry["boundary"]),
            round=row["round"],
            source=entry["source"],
            same_model=bool(own),
        )
        for entry in sets
        for row in entry["rows"]
        if (entry["benchmark"] in own if own else row.get("anchor", False))
    ]
    return tuple(sorted(found, key=lambda anchor: -anchor.energy_j))
