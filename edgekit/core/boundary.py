"""Name the places where energy is counted. A boundary is a place in a power path, never an origin or a method."""

from __future__ import annotations

from enum import StrEnum


class Boundary(StrEnum):
    """Name a place at which a meter counts joules; two boundaries never compare in silence."""

    WALL = "wall"
    USB_INPUT = "usb_input"
    BATTERY = "battery"
    MODULE = "module"
    PLATFORM = "platform"
    SOC_RAIL = "soc_rail"
    CPU_PACKAGE = "cpu_package"
    CPU_CORE = "cpu_core"
    CPU_UNCORE = "cpu_uncore"
    DRAM = "dram"
    GPU_MODULE = "gpu_module"
    GPU_BOARD = "gpu_board"
    GPU_MEMORY = "gpu_memory"
    MCU_SUPPLY = "mcu_supply"
    GRID = "grid"  # where the decision converts both sides to: electricity bought, PUE and charger included; no meter sits here


_SEES: dict[Boundary, str] = {
    Boundary.WALL: "everything behind the plug, power supply included",
    Boundary.USB_INPUT: "the whole board after its charger",
    Boundary.BATTERY: "what leaves the battery, before the regulators",
    Boundary.MODULE: "the compute module, without its carrier board",
    Boundary.PLATFORM: "the platform rail (psys): most of the machine, not its power supply",
    Boundary.SOC_RAIL: "rails of the system on chip, after the regulators",
    Boundary.CPU_PACKAGE: "the processor package: no memory, disk, board or power supply",
    Boundary.CPU_CORE: "the processor cores only",
    Boundary.CPU_UNCORE: "caches, interconnect and built-in graphics of the processor package",
    Boundary.DRAM: "the memory modules only",
    Boundary.GPU_MODULE: "the GPU module with the processor soldered to it",
    Boundary.GPU_BOARD: "the GPU board: no host processor, fans or power supply",
    Boundary.GPU_MEMORY: "the memory of the GPU only",
    Boundary.MCU_SUPPLY: "the microcontroller's supply pin: no sensor, radio or regulator",
    Boundary.GRID: "electricity as bought, power supplies and cooling included",
}

# From the whole machine inward: where several were metered, the widest stands for the run. psys (platform) comes after the package although
# it sees more, because what it covers differs from board to board.
WIDEST_FIRST = (
    Boundary.WALL,
    Boundary.USB_INPUT,
    Boundary.BATTERY,
    Boundary.MODULE,
    Boundary.GPU_MODULE,
    Boundary.GPU_BOARD,
    Boundary.CPU_PACKAGE,
    Boundary.PLATFORM,
    Boundary.SOC_RAIL,
    Boundary.MCU_SUPPLY,
    Boundary.CPU_CORE,
    Boundary.CPU_UNCORE,
    Boundary.DRAM,
    Boundary.GPU_MEMORY,
    Boundary.GRID,
)

_INPUTS = (Boundary.WALL, Boundary.USB_INPUT, Boundary.BATTERY)
_CONTAINS: dict[Boundary, frozenset[Boundary]] = {
    Boundary.MODULE: frozenset({Boundary.SOC_RAIL}),
    Boundary.CPU_PACKAGE: frozenset({Boundary.CPU_CORE, Boundary.CPU_UNCORE}),
    Boundary.PLATFORM: frozenset({Boundary.CPU_PACKAGE, Boundary.CPU_CORE, Boundary.CPU_UNCORE, Boundary.DRAM}),
    Boundary.GPU_MODULE: frozenset({Boundary.GPU_BOARD, Boundary.GPU_MEMORY}),
    Boundary.GPU_BOARD: frozenset({Boundary.GPU_MEMORY}),
}


def sees(boundary: Boundary) -> str:
    """Return one phrase that says what a meter at this boundary counts and what it misses."""
    return _SEES[boundary]


def contains(outer: Boundary, inner: Boundary) -> bool:
    """Return True when energy at `inner` is already inside `outer`, so that adding the two would count it twice."""
    if outer in _INPUTS:
        return inner is not Boundary.GRID and WIDEST_FIRST.index(inner) > WIDEST_FIRST.index(outer)
    return inner in _CONTAINS.get(outer, frozenset())


def between(outer: Boundary, inner: Boundary) -> str:
    """Return what takes the energy that is counted at `outer` and not at `inner`, which lies inside it."""
    if outer is Boundary.WALL:
        return "lost in the power supply, or taken by whatever else hangs on the plug"
    if outer in _INPUTS and inner is Boundary.MODULE:
        return "taken by the carrier board: its regulators, storage, fan and ports"
    if outer in _INPUTS:
        return "lost in the board's regulators, or taken by memory, storage, ports and what is plugged into them"
    if outer is Boundary.MODULE:
        return "lost in the module's regulators, or taken by rails that no sensor sees"
    return f"what a meter at {outer} sees ({sees(outer)}) and one at {inner} does not"
