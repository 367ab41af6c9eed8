"""Say in a few words what a run's headline rests on, and what was metered beside it."""

from __future__ import annotations

from edgekit.core.boundary import contains
from edgekit.core.quantity import Estimate
from edgekit.core.run import Analysis, ChannelAnalysis
from edgekit.core.units import format_scaled


def readings(analysis: Analysis) -> tuple[str, ...]:
    """Return how many windows the headline is worth, how they were cut, what they lack, and the figures of other boundaries."""
    channel = next((item for item in analysis.channels if item.channel == analysis.channel), None)
    if channel is None:
        return ()
    others = [item for item in analysis.channels if item is not channel and isinstance(item.energy_j_per_inference, Estimate)]
    return (*_basis(channel), *(_beside(item, channel) for item in others))


def _basis(channel: ChannelAnalysis) -> tuple[str, ...]:
    found = []
    known = sum(joules is not None for joules in channel.window_j)
    if channel.n_effective is not None and channel.n_effective < known - 0.5:
        found.append(f"{known} windows, worth {channel.n_effective:.1f} independent ones")
    if channel.edges == "aligned":
        found.append("windows aligned to the sensor's updates")
    if channel.coverage is not None and channel.coverage < 0.9995:
        found.append(f"readings cover {100 * channel.coverage:.2f} % of the measured time")
    if isinstance(channel.without_outliers, Estimate):
        found.append(f"without windows that stand out {_shown(channel.without_outliers)}")
    return tuple(found)


def _beside(item: ChannelAnalysis, headline: ChannelAnalysis) -> str:
    energy = item.energy_j_per_inference
    assert isinstance(energy, Estimate)
    inside = ", inside the headline" if contains(headline.boundary, item.boundary) else ""
    return f"{item.channel} ({item.boundary}{inside}): {_shown(energy)} {'+'.join(energy.origins)}"


def _shown(energy: Estimate) -> str:
    return f"{format_scaled(energy.value, energy.unit, energy.low, energy.high)} per inference"
