"""Which channels are added, which are shown beside them, and which are held against one another."""

from __future__ import annotations

import pytest

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Estimate, Origin, Quality, Unknown
from edgekit.core.run import ChannelAnalysis
from edgekit.energy.analyse import headline_channel
from edgekit.energy.boundaries.crosscheck import crosschecked
from edgekit.energy.boundaries.groups import channel_groups, is_coarse, named_group, nothing_read, rival_groups


def channel(name: str, boundary: Boundary, measurand: Measurand = Measurand.ENERGY_COUNTER, **fields) -> Channel:
    unit = "J" if measurand is Measurand.ENERGY_COUNTER else "W"
    return Channel(id=name, meter="t", boundary=boundary, measurand=measurand, unit=unit, origin=Origin.EMULATED, **fields)


def spec(*channels: Channel) -> MeterSpec:
    return MeterSpec(kind="t", channels=channels, accuracy=Accuracy(source="x"))


def names(groups) -> list[list[str]]:
    return [[item.id for item in group] for group in groups]


def test_sockets_are_added_and_what_they_contain_is_shown_beside_them():
    found = channel_groups(
        spec(
            channel("rapl.package-0.core", Boundary.CPU_CORE, parent="rapl.package-0"),
            channel("rapl.package-0", Boundary.CPU_PACKAGE, parent="rapl.psys"),
            channel("rapl.package-1", Boundary.CPU_PACKAGE, parent="rapl.psys"),
            channel("rapl.package-0.dram", Boundary.DRAM),
            channel("rapl.psys", Boundary.PLATFORM),
        )
    )
    assert names(found) == [
        ["rapl.package-0", "rapl.package-1"],
        ["rapl.psys"],
        ["rapl.package-0.core"],
        ["rapl.package-0.dram"],
    ]


def test_a_rail_inside_another_of_the_same_kind_is_never_added_to_it():
    rails = [
        channel("jetson.VDD_IN", Boundary.SOC_RAIL, Measurand.POWER, label="VDD_IN"),
        channel("jetson.VDD_CPU_GPU_CV", Boundary.SOC_RAIL, Measurand.POWER, label="VDD_CPU_GPU_CV", parent="jetson.VDD_IN"),
        channel("jetson.VDD_SOC", Boundary.SOC_RAIL, Measurand.POWER, label="VDD_SOC", parent="jetson.VDD_IN"),
    ]
    assert names(channel_groups(spec(*rails))) == [["jetson.VDD_IN"], ["jetson.VDD_CPU_GPU_CV"], ["jetson.VDD_SOC"]]
    assert names(channel_groups(spec(*rails[1:]))) == [["jetson.VDD_CPU_GPU_CV", "jetson.VDD_SOC"]]


def test_a_gpu_is_counted_once_and_one_without_a_counter_is_not_forgotten():
    board = spec(
        channel("nvml.gpu0.energy", Boundary.GPU_BOARD),
        channel("nvml.gpu0.power", Boundary.GPU_BOARD, Measurand.POWER),
        channel("nvml.gpu1.power", Boundary.GPU_BOARD, Measurand.POWER),
    )
    assert names(channel_groups(board)) == [["nvml.gpu0.energy", "nvml.gpu1.power"]]
    whole = spec(*board.channels[:2])
    assert [(names([a]), names([b])) for a, b in rival_groups(whole)] == [([["nvml.gpu0.energy"]], [["nvml.gpu0.power"]])]


def test_the_instant_power_stands_before_the_average_of_the_same_place():
    both = spec(
        channel("nvml.gpu0.average", Boundary.GPU_BOARD, Measurand.POWER, averaging_s=1.0, label="gpu0"),
        channel("nvml.gpu0.instant", Boundary.GPU_BOARD, Measurand.POWER, label="gpu0"),
    )
    assert names(channel_groups(both)) == [["nvml.gpu0.instant"]]


def analysed(value: float | None, *, origin: Origin = Origin.EMULATED, boundary: Boundary = Boundary.GPU_BOARD) -> ChannelAnalysis:
    nothing = Unknown(reason="no", unit="J", boundary=boundary)
    energy = (
        nothing
        if value is None
        else Estimate(value=value, low=0.9 * value, high=1.1 * value, unit="J", boundary=boundary, origins=(origin,))
    )
    return ChannelAnalysis(
        channel=f"{origin} {boundary}",
        boundary=boundary,
        energy_j_per_inference=energy,
        net_j_per_inference=nothing,
        idle_w=nothing,
        mean_w=nothing,
        window_j=(),
        coverage=1.0,
    )


def test_a_counter_that_disagrees_with_the_power_of_its_place_is_named():
    far, near = crosschecked(analysed(187.0), analysed(327.0)), crosschecked(analysed(187.0), analysed(200.0))
    (note,) = far.energy_j_per_inference.notes
    assert (note.code, far.energy_j_per_inference.quality) == ("counter.disagrees", Quality.CAVEATS)
    assert "1.75 times" in note.text
    assert near.energy_j_per_inference.notes == ()


@pytest.mark.parametrize("order", [1, -1])
def test_what_was_read_stands_before_what_was_estimated_however_wide(order):
    items = [analysed(1.0, origin=Origin.ESTIMATED, boundary=Boundary.WALL), analysed(2.0, origin=Origin.EMULATED), analysed(None)]
    assert headline_channel(items[::order]) is items[1]


def coarse_and_fine(counted: tuple[float, float], sampled: tuple[float, float], *, coarse: bool) -> ChannelAnalysis:
    def analysis(name: str, value: float, half: float) -> ChannelAnalysis:
        unknown = Unknown(reason="not looked at", unit="J")
        energy = Estimate(
            value=value, low=value - half, high=value + half, unit="J", boundary=Boundary.USB_INPUT, origins=(Origin.EMULATED,)
        )
        return ChannelAnalysis(
            channel=name,
            boundary=Boundary.USB_INPUT,
            energy_j_per_inference=energy,
            net_j_per_inference=unknown,
            idle_w=unknown,
            mean_w=unknown,
            window_j=(),
            coverage=None,
        )

    return crosschecked(analysis("t.energy", *counted), analysis("t.power", *sampled), coarse=coarse)


@pytest.mark.parametrize(
    ("counted", "sampled", "coarse", "kept", "said"),
    [
        ((10, 2), (10.5, 0.1), True, "t.power", "counter.agrees"),
        ((10, 0.1), (10.5, 2), True, "t.energy", "counter.agrees"),
        ((10, 2), (15, 0.1), True, "t.power", "counter.disagrees"),
        ((10, 2), (10.5, 0.1), False, "t.energy", None),
    ],
)
def test_of_a_coarse_counter_and_the_power_the_narrower_stands(counted, sampled, coarse, kept, said):
    found = coarse_and_fine(counted, sampled, coarse=coarse)
    notes = [note.code for note in found.energy_j_per_inference.notes]
    assert (found.channel, notes) == (kept, [said] if said else [])


def test_a_counter_of_milliwatt_hours_is_coarse():
    assert is_coarse([channel("t.energy", Boundary.USB_INPUT, scale=3.6, quantum=1)])
    assert not is_coarse([channel("rapl", Boundary.CPU_PACKAGE, scale=1e-6, quantum=61)])


def test_a_figure_leads_back_to_its_channels_also_where_power_stood_in_for_a_coarse_counter():
    meter = spec(
        channel("t.energy", Boundary.USB_INPUT, scale=3.6, quantum=1),
        channel("t.power", Boundary.USB_INPUT, Measurand.POWER),
        channel("t.other.energy", Boundary.PLATFORM),
    )
    for name in ("t.energy", "t.power", "t.other.energy"):
        found = named_group([meter], name)
        assert found is not None
        assert ([item.id for item in found[0]], found[1]) == ([name], meter)
    assert named_group([meter], "t.none") is None


def test_a_meter_that_was_read_is_not_said_to_be_absent():
    edges = Channel(id="pin", meter="t", boundary=Boundary.PLATFORM, measurand=Measurand.EDGE, unit="1", origin=Origin.EMULATED)
    assert nothing_read([]) == "no meter was read during this run"
    assert nothing_read([spec(edges)]) == "no channel of t tells power or energy"
