"""Put the figures of a verdict into words: energies with their origins, ratios with what was not metered, and what they rest on."""

from __future__ import annotations

from edgekit.core.boundary import Boundary
from edgekit.core.decision import View
from edgekit.core.quantity import Estimate, Origin, Quantity
from edgekit.decision.numerals import amount, multiple
from edgekit.decision.turning.breakeven import times

_PLACES = {
    Boundary.USB_INPUT: "the USB input",
    Boundary.BATTERY: "the battery",
    Boundary.MODULE: "the compute module",
    Boundary.PLATFORM: "the platform rail",
    Boundary.SOC_RAIL: "the rails of the chip",
    Boundary.CPU_PACKAGE: "the processor package",
    Boundary.CPU_CORE: "the processor cores",
    Boundary.DRAM: "the memory modules",
    Boundary.GPU_MODULE: "the GPU module",
    Boundary.GPU_BOARD: "the GPU board",
    Boundary.GPU_MEMORY: "the memory of the GPU",
    Boundary.MCU_SUPPLY: "the microcontroller's supply pin",
}


def against(view: View) -> str:
    """Return both sides of a view: "1.86 J (measured) against 440 mJ (measured, sourced) in the cloud"."""
    return f"{energy(view.edge_j)} against {energy(view.cloud_j)} in the cloud"


def standing(view: View) -> str:
    """Return what a headline must not hide: a verdict that rests on an emulated run or a modeled cloud."""
    emulated = Origin.EMULATED in (*view.edge_j.origins, *view.cloud_j.origins)
    modeled = Origin.MODELED in view.cloud_j.origins
    return (" on emulated figures" if emulated else "") + (" against a modeled cloud" if modeled else "")


def low_ratio(view: View) -> float:
    """Return the lower end of cloud over device, infinity where there is none."""
    return view.ratio.low if isinstance(view.ratio, Estimate) else float("inf")


def times_less(view: View) -> str:
    """Return by how much the device would have to take less."""
    return times(view.ratio.value) + " stated" if isinstance(view.ratio, Estimate) else "less than stated"


def central(view: View) -> str:
    """Return the factor at the central values, to stand before the one at the edge of the interval."""
    return f"{multiple(view.ratio.value)} times less than stated at the central values, " if isinstance(view.ratio, Estimate) else ""


def factor(view: View) -> str:
    """Return the ratio in brackets, and which way what was not metered would move it; its interval says nothing of that."""
    if not isinstance(view.ratio, Estimate):
        return ""
    ratio = view.ratio.value
    unseen = {
        "upper_bound": ("less once the rest of the device is counted", "more once the rest of the device is counted"),
        "lower_bound": ("more once the rest of the cloud is counted", "less once the rest of the cloud is counted"),
        "partial": ("neither side metered in full", "neither side metered in full"),
    }
    words = next((f", {unseen[note.code][ratio < 1]}" for note in view.ratio.notes if note.code in unseen), "")
    return f" ({multiple(ratio if ratio >= 1 else 1 / ratio)}x{words})"


def energy(quantity: Quantity) -> str:
    """Return joules with the origins behind them: "0.02 mJ (estimated)"; a lower bound says where alone it was metered."""
    if not isinstance(quantity, Estimate):
        return "an unknown energy"
    partial = any(note.code == "lower_bound" for note in quantity.notes) and quantity.boundary is not None
    place = f" at {_PLACES.get(quantity.boundary, 'its meter')} alone" if partial and quantity.boundary is not None else ""
    return f"{amount(quantity.value, 'J', quantity.low, quantity.high)}{place} ({', '.join(quantity.origins)})"
