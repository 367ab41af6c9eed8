"""Hold the score of ISO/IEC 21031 and check printed figures against it. Pure."""

from __future__ import annotations


def score_kg(*, energy_j: float, grid_kg_per_j: float, made_kg: float, units: float) -> float:
    """Return (E x I + M) / R in kg CO2e per functional unit."""
    return (energy_j * grid_kg_per_j + made_kg) / units


def carbon_per(total_kg: float, units: float, *, per: float) -> float:
    """Return the kg CO2e of `per` units when `units` of them emitted `total_kg`."""
    return total_kg / units * per


def disagreement(printed: float, computed: float, *, tolerance: float = 0.02) -> float | None:
    """Return by what factor a printed figure differs from the computed one, None where they agree within `tolerance`."""
    factor = printed / computed
    return None if abs(factor - 1) <= tolerance else factor
