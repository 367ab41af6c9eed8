"""List every slot of the life cycle on both sides: what was counted, and what was not and why. An empty slot is never a zero."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.core.boundary import Boundary
from edgekit.core.decision import Scenario, Side, Slot, SlotEntry
from edgekit.core.quantity import Estimate, Quality, Quantity, Unknown
from edgekit.core.run import TrainingRecord
from edgekit.decision.accounting import Slots, Usage, bound
from edgekit.decision.montecarlo import Inputs, summarise
from edgekit.decision.numerals import count

_NOT_BUILT_IN = {
    Slot.MANUFACTURING: "making the hardware is carbon rather than metered energy; published figures for one product differ by 3.5 times",
    Slot.STORAGE: "keeping inputs and results is not part of this scenario",
    Slot.UPDATES: "model updates are not part of this scenario",
}
_ON_THE_WAY = (Slot.NETWORK, Slot.RADIO)


def entries(side: Side, point: Slots, drawn: Slots, inputs: Inputs, use: Usage, quality: Quality) -> list[SlotEntry]:
    """Return the counted slots of one side in the primary view."""
    return [
        SlotEntry(
            slot=slot,
            side=side,
            energy_j=summarise(
                amount.joules,
                drawn[slot].joules,
                unit="J",
                boundary=_place(slot, side, use),
                inputs=[inputs[name] for name in amount.inputs],
                quality=quality,
                notes=bound(use.device_at if side is Side.DEVICE else use.cloud_at) if slot not in _ON_THE_WAY else (),
            ),
            how=amount.how,
            evidence=tuple(dict.fromkeys(inputs[name].evidence for name in amount.inputs)),
        )
        for slot, amount in point.items()
    ]


def not_included(counted: Mapping[Side, frozenset[Slot]], scenario: Scenario, *, device_known: bool, cloud_known: bool) -> list[SlotEntry]:
    """Return every slot that was not counted, with its reason."""
    found = []
    if device_known:
        if Slot.IDLE not in counted[Side.DEVICE]:
            reason = "the device exists anyway: its standby is not caused by the model"
            if scenario.device_role == "dedicated":
                reason = "idle power of the device run is unknown"
            found.append(_absent(Slot.IDLE, Side.DEVICE, reason))
        found.append(_absent(Slot.COOLING, Side.DEVICE, "a device has no data centre around it: PUE does not apply"))
    else:
        found.append(_absent(Slot.INFERENCE_DEVICE, Side.DEVICE, "no device run qualifies"))
    if cloud_known:
        if Slot.NETWORK not in counted[Side.CLOUD]:
            found.append(_absent(Slot.NETWORK, Side.CLOUD, "the scenario says that no network is between them"))
        if Slot.RADIO not in counted[Side.CLOUD]:
            found.append(_absent(Slot.RADIO, Side.CLOUD, _no_radio(scenario)))
        for slot in (Slot.HOST, Slot.IDLE):
            if slot not in counted[Side.CLOUD]:
                found.append(_absent(slot, Side.CLOUD, "the cloud run was metered at the wall of its server"))
    else:
        found.append(_absent(Slot.INFERENCE_CLOUD, Side.CLOUD, "no cloud run qualifies"))
    found += [_absent(slot, Side.BOTH, reason) for slot, reason in _NOT_BUILT_IN.items()]
    return found


def training_slot(training: TrainingRecord | None, scenario: Scenario) -> SlotEntry:
    """Return training, spread over all inferences of the product's life; the same on both sides, so it cancels in the comparison."""
    if training is None:
        return _absent(Slot.TRAINING, Side.BOTH, "no training record was given; it would be the same on both sides")
    energy = training.energy_j
    if isinstance(energy, Unknown):
        return _absent(Slot.TRAINING, Side.BOTH, f"training energy is unknown: {energy.reason}")
    lifetime = scenario.rate_per_s * scenario.lifetime_s * scenario.fleet
    spread: Quantity = Estimate(
        value=energy.value / lifetime,
        low=energy.low / lifetime,
        high=energy.high / lifetime,
        unit="J",
        boundary=energy.boundary,
        origins=energy.origins,
        quality=energy.quality,
    )
    return SlotEntry(
        slot=Slot.TRAINING,
        side=Side.BOTH,
        energy_j=spread,
        how=f"{energy.value:.3g} J of training over {count(lifetime)} inferences in the product's life; equal on both sides, so it cancels",
        evidence=(f"training:{training.source_sha256[:12]}",),
    )


def _place(slot: Slot, side: Side, use: Usage) -> Boundary:
    if slot in _ON_THE_WAY:
        return Boundary.GRID
    if slot is Slot.INFERENCE_CLOUD:
        return use.cloud_metered_at
    return use.device_at if side is Side.DEVICE else use.cloud_at


def _no_radio(scenario: Scenario) -> str:
    if scenario.network == "mobile":
        return "a modem's energy follows sessions and not bytes; no figure that holds for yours is at hand"
    if scenario.network == "fixed":
        return "the device's Wi-Fi or Ethernet interface: no figure that holds for yours is at hand"
    return "no network is between the two"


def _absent(slot: Slot, side: Side, reason: str) -> SlotEntry:
    return SlotEntry(slot=slot, side=side, energy_j=Unknown(reason=reason, unit="J", boundary=Boundary.GRID))
