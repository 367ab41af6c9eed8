r"""Find the channels that may be added, and those that are shown beside them.

    package-0  package-1     psys        VDD_IN              gpu0 energy   gpu0 power
      core       core         (sees       VDD_CPU_GPU_CV        (one place, two channels: the counter stands for it,
      uncore     uncore        both)      VDD_SOC                the other checks it)

Channels at one boundary are added, unless one contains another: then the outer ones are added and each inner one is a figure of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from edgekit.core.boundary import WIDEST_FIRST
from edgekit.core.channel import Channel, Measurand, MeterSpec

COARSE_J = 1.0


def channel_groups(spec: MeterSpec) -> list[list[Channel]]:
    """Return groups of channels that may be added: same boundary, disjoint, one channel for each place; the widest boundary first."""
    return _by_boundary(_one_for_each_place(spec))


def rival_groups(spec: MeterSpec) -> list[tuple[list[Channel], list[Channel]]]:
    """Return (counters, power channels) that see the same places at one boundary in two ways, to hold one against the other."""
    chosen = _one_for_each_place(spec)
    powers = [channel for channel in spec.channels if channel.measurand is Measurand.POWER and channel not in chosen]
    pairs = []
    for group in _by_boundary(chosen):
        rivals = [_rival(channel, powers) for channel in group if channel.measurand is Measurand.ENERGY_COUNTER]
        same = [channel for channel in rivals if channel is not None]
        if len(same) == len(group):
            pairs.append((group, same))
    return pairs


def named_group(specs: Sequence[MeterSpec], name: str) -> tuple[Sequence[Channel], MeterSpec] | None:
    """Return the channels that a figure called `name` was made of, with their meter: a group, or the powers that stand in for counters."""
    for spec in specs:
        for group in (*channel_groups(spec), *(powers for _, powers in rival_groups(spec))):
            if "+".join(channel.id for channel in group) == name:
                return group, spec
    return None


def nothing_read(specs: Sequence[MeterSpec]) -> str:
    """Return why a run has no channel whose joules could be stated."""
    if not specs:
        return "no meter was read during this run"
    return f"no channel of {', '.join(spec.kind for spec in specs)} tells power or energy"


def is_coarse(group: Sequence[Channel]) -> bool:
    """Return whether counters count in steps of a joule or more, as milliwatt-hours are: in short windows power tells more."""
    return any(channel.measurand is Measurand.ENERGY_COUNTER and (channel.quantum or 0.0) * channel.scale >= COARSE_J for channel in group)


def _rival(counter: Channel, powers: Sequence[Channel]) -> Channel | None:
    here = [channel for channel in powers if channel.boundary == counter.boundary and place_of(channel) == place_of(counter)]
    return min(here, key=lambda channel: (channel.averaging_s or 0.0, channel.id), default=None)


def place_of(channel: Channel) -> str:
    """Return the name of the place a channel sees: "nvml.gpu0" for both nvml.gpu0.energy and nvml.gpu0.power."""
    return channel.id.rpartition(".")[0] or channel.id


def _one_for_each_place(spec: MeterSpec) -> list[Channel]:
    """Return counters, and power channels at places that no counter sees; of several power channels the one that averages least."""
    counters = [channel for channel in spec.channels if channel.measurand is Measurand.ENERGY_COUNTER]
    powers = [channel for channel in spec.channels if channel.measurand is Measurand.POWER]
    counted = {channel.boundary: {place_of(other) for other in counters if other.boundary == channel.boundary} for channel in counters}
    # Where the names of the counters and of a power channel have nothing in common, whether they see the same place cannot be told, and
    # counting a place twice is worse than leaving it out: only a channel of the same family ("nvml.gpu1" beside "nvml.gpu0") is added.
    free = [channel for channel in powers if channel.boundary not in counted or _is_sibling(channel, counted[channel.boundary])]
    free.sort(key=lambda channel: (channel.boundary, place_of(channel), channel.averaging_s or 0.0))
    single: list[Channel] = []
    for _, same in groupby(free, key=lambda channel: (channel.boundary, place_of(channel))):
        here = list(same)
        alike = bool(here[0].label) and all(channel.label == here[0].label for channel in here)
        single += here[:1] if alike else here
    return [*counters, *single]


def _is_sibling(channel: Channel, counted: set[str]) -> bool:
    place = place_of(channel)
    family = place.rstrip("0123456789")
    return place not in counted and family != place and any(other.rstrip("0123456789") == family for other in counted)


def _by_boundary(channels: Sequence[Channel]) -> list[list[Channel]]:
    ordered = sorted(channels, key=lambda channel: (WIDEST_FIRST.index(channel.boundary), channel.id))
    groups = []
    for _, same in groupby(ordered, key=lambda channel: channel.boundary):
        here = list(same)
        inner = [channel for channel in here if _is_inside(channel, {other.id for other in here}, channels)]
        groups += [[channel for channel in here if channel not in inner], *([channel] for channel in inner)]
    return groups


def _is_inside(channel: Channel, others: set[str], channels: Sequence[Channel]) -> bool:
    parents = {item.id: item.parent for item in channels}
    seen = {channel.id}
    parent = channel.parent
    while parent is not None and parent not in seen:
        if parent in others:
            return True
        seen.add(parent)
        parent = parents.get(parent)
    return False
