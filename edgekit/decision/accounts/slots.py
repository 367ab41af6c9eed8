"""List every slot of the life cycle on both sides: what was counted, and what was not and why. An empty slot is never a zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.core.boundary import Boundary
from edgekit.core.decision import Side, Slot, SlotEntry, SlotState
from edgekit.core.quantity import Estimate, Origin, Quality, Quantity, Unknown, merge_origins
from edgekit.core.run import TrainingRecord
from edgekit.core.scenario import Scenario
from edgekit.decision.accounts.embodied import Making
from edgekit.decision.accounts.energy import ON_THE_WAY, Usage, bound
from edgekit.decision.accounts.ledger import Page
from edgekit.decision.accounts.totals import YEAR_S
from edgekit.decision.draws.montecarlo import summarise
from edgekit.decision.numerals import amount, count, multiple

_NOT_STATED = {
    Slot.STORAGE: "the scenario states no storage.retention and storage.power",
    Slot.UPDATES: "the scenario states no updates",
}
_CANCELS = "equal on both sides, so it cancels"
_CARBON_ONLY = "making hardware is counted as carbon, not as energy"


def entries(side: Side, page: Page, use: Usage, quality: Quality) -> list[SlotEntry]:
    """Return the counted slots of one side in the view of its page."""
    inputs = {item.name: item for item in page.inputs}
    return [
        SlotEntry(
            slot=slot,
            side=side,
            energy_j=summarise(
                amount.joules,
                page.drawn[slot].joules,
                unit="J",
                boundary=_place(slot, side, use),
                inputs=[inputs[name] for name in amount.inputs],
                quality=quality,
                notes=bound(use.device_at if side is Side.DEVICE else use.cloud_at) if slot not in ON_THE_WAY else (),
            ),
            how=amount.how,
            evidence=tuple(dict.fromkeys(inputs[name].evidence for name in amount.inputs)),
            state=state_of(merge_origins(*(inputs[name].origins for name in amount.inputs))),
        )
        for slot, amount in page.stated.items()
    ]


def state_of(origins: Sequence[Origin]) -> SlotState:
    """Return how a figure came about: measured or sourced where that is all, else modeled (from several, or from an emulator)."""
    known = set(origins)
    if known == {Origin.MEASURED}:
        return SlotState.MEASURED
    return SlotState.SOURCED if known == {Origin.SOURCED} else SlotState.MODELED


def manufacturing(side: Side, making: Making) -> SlotEntry:
    """Return the making of one side's hardware: carbon per inference, or why it is not included; it has no metered energy."""
    known = isinstance(making.co2e_kg, Estimate)
    return SlotEntry(
        slot=Slot.MANUFACTURING,
        side=side,
        energy_j=Unknown(reason=_CARBON_ONLY if known else str(making.co2e_kg.reason), unit="J", boundary=Boundary.GRID),  # type: ignore[union-attr]
        how=making.how,
        evidence=tuple(name if "." not in name else f"scenario:{name}" for name in making.evidence),
        co2e_kg=making.co2e_kg,
        state=SlotState.SOURCED if known else SlotState.NOT_INCLUDED,
    )


def retraining_slot(scenario: Scenario) -> SlotEntry | None:
    """Return central retraining per inference of the fleet; the same on both sides. None where the scenario states none."""
    if scenario.retraining_j is None or scenario.retrainings_per_year is None:
        return None
    per_year = scenario.rate_per_s * scenario.fleet * YEAR_S
    value = scenario.retraining_j * scenario.retrainings_per_year / per_year
    return SlotEntry(
        slot=Slot.UPDATES,
        side=Side.BOTH,
        energy_j=_stated(value),
        how=f"{multiple(scenario.retrainings_per_year, 3)} retrainings a year over {count(per_year)} inferences; {_CANCELS}",
        evidence=("scenario:updates.retraining_energy",),
        state=SlotState.SOURCED,
    )


def _stated(value: float) -> Estimate:
    return Estimate(value=value, low=value, high=value, unit="J", boundary=Boundary.GRID, origins=(Origin.SOURCED,))


def not_included(counted: Mapping[Side, frozenset[Slot]], scenario: Scenario, *, device_known: bool, cloud_known: bool) -> list[SlotEntry]:
    """Return every slot that was not counted, with its reason."""
    found = []
    if device_known:
        if Slot.IDLE not in counted[Side.DEVICE]:
            reason = "the device exists anyway: its standby is not caused by the model"
            if scenario.device_role != "exists_anyway":
                reason = "idle power of the device run is unknown"
            found.append(_absent(Slot.IDLE, Side.DEVICE, reason))
        found.append(_absent(Slot.COOLING, Side.DEVICE, "a device has no data centre around it: PUE does not apply"))
    else:
        found.append(_absent(Slot.INFERENCE_DEVICE, Side.DEVICE, "no device run qualifies"))
    if cloud_known:
        if Slot.NETWORK not in counted[Side.CLOUD]:
            found.append(_absent(Slot.NETWORK, Side.CLOUD, "the scenario says that no network is between them"))
        if Slot.STORAGE not in counted[Side.CLOUD]:
            found.append(_absent(Slot.STORAGE, Side.CLOUD, _NOT_STATED[Slot.STORAGE]))
        if Slot.RADIO not in counted[Side.CLOUD]:
            found.append(_absent(Slot.RADIO, Side.CLOUD, _no_radio(scenario)))
        for slot in (Slot.HOST, Slot.IDLE):
            if slot not in counted[Side.CLOUD]:
                found.append(_absent(slot, Side.CLOUD, "the cloud run was metered at the wall of its server"))
    else:
        found.append(_absent(Slot.INFERENCE_CLOUD, Side.CLOUD, "no cloud run qualifies"))
    if not any(Slot.UPDATES in slots for slots in counted.values()) and retraining_slot(scenario) is None:
        found.append(_absent(Slot.UPDATES, Side.BOTH, _no_updates(scenario)))
    return found


def _no_updates(scenario: Scenario) -> str:
    if scenario.ota_bytes and scenario.ota_per_year and scenario.network == "none":
        return "updates are stated, and the scenario says that no network is between them"
    return _NOT_STATED[Slot.UPDATES]


def training_slot(training: TrainingRecord | None, scenario: Scenario) -> SlotEntry:
    """Return training, spread over all inferences of the product's life; the same on both sides, so it cancels in the comparison."""
    if training is None and scenario.training_j is not None:
        lifetime = scenario.rate_per_s * scenario.lifetime_s * scenario.fleet
        return SlotEntry(
            slot=Slot.TRAINING,
            side=Side.BOTH,
            energy_j=_stated(scenario.training_j / lifetime),
            how=f"{amount(scenario.training_j, 'J')} of training over {count(lifetime)} inferences; {_CANCELS}",
            evidence=("scenario:training.energy",),
            state=SlotState.SOURCED,
        )
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
        how=f"{amount(energy.value, 'J')} of training over {count(lifetime)} inferences in the product's life; {_CANCELS}",
        evidence=(f"training:{training.source_sha256[:12]}",),
        state=state_of(energy.origins),
    )


def _place(slot: Slot, side: Side, use: Usage) -> Boundary:
    if slot in ON_THE_WAY:
        return Boundary.GRID
    if slot is Slot.INFERENCE_CLOUD:
        return use.cloud_metered_at
    return use.device_at if side is Side.DEVICE else use.cloud_at


def _no_radio(scenario: Scenario) -> str:
    if scenario.radio is not None:
        lines = "radio.session_energy and radio.energy_per_byte"
        return f"{scenario.radio}: no figure that holds for yours is at hand; meter it and state {lines}"
    if scenario.network == "mobile":
        return "a modem's energy follows sessions and not bytes; no figure that holds for yours is at hand"
    if scenario.network == "fixed":
        return "the device's Wi-Fi or Ethernet interface: no figure that holds for yours is at hand"
    return "no network is between the two"


def _absent(slot: Slot, side: Side, reason: str) -> SlotEntry:
    return SlotEntry(slot=slot, side=side, energy_j=Unknown(reason=reason, unit="J", boundary=Boundary.GRID))
