"""Count the joules of one inference on both sides, slot by slot, under one set of conventions. Everything is converted to the grid.

The same functions take single values and Monte Carlo draws (arrays), so that a report's figures and its intervals come from one arithmetic.

    device    incremental  net joules of the run (what the inference adds to a device that is on anyway)
              gross        all joules while it infers
              dedicated    gross, and the idle power for the rest of the time between two inferences
              shared       gross, and this model's share of that idle power
              woken        gross, and one wake-up per burst: boot, loading the model, joining the network
              duty_cycled  woken, and the sleep power for the rest of the time
    network   marginal     what one more byte adds (a decision is a question about change: primary view)
              average      all network energy divided by all traffic (the accounting view)
    cloud     shared       host, idle machines and facility in proportion to the active GPU
              serverless   shared, and cold starts in proportion to how often they are met
              autoscaled   machines started and stopped for this service: their idle time at the pool's utilisation
              dedicated    GPUs kept for this service alone: their idle time is charged to it

PUE applies to the data centre alone. The published total-over-accelerator factor contains its fleet's own facility share, which is
taken out before the scenario's PUE is applied, so that cooling is counted once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.core.boundary import Boundary
from edgekit.core.decision import Slot
from edgekit.core.quantity import Note
from edgekit.core.scenario import Scenario
from edgekit.decision.accounts.radio import seconds_per_byte, seconds_per_session
from edgekit.decision.numerals import multiple
from edgekit.decision.numerals import size as data

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


ON_THE_WAY = (Slot.NETWORK, Slot.RADIO)


class NotComputable(Exception):
    """Say which input a convention needs and nobody knows; `name` is its name."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__(words)
        self.name = name


@dataclass(frozen=True, slots=True)
class Convention:
    """Name one combination of accounting conventions."""

    network: str
    device: str
    cloud: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Hold what the accounting needs to know about the scenario and the chosen runs and what carries no uncertainty of its own.

    Times are seconds per inference; `service_rate_per_s` counts the requests of all users of a dedicated cloud service.
    `device_at` and `cloud_at` are where the counted joules end: the grid, or the meter's own place when what lies between was not
    metered and no stated constant closes the gap; such figures are lower bounds. `cloud_metered_at` is the cloud meter's own place.
    """

    rate_per_s: float
    payload_bytes: float
    network: str
    psu_efficiency: float | None
    device_s: float
    gpu_s: float
    service_rate_per_s: float
    sees_host: bool
    device_at: Boundary
    cloud_at: Boundary
    cloud_metered_at: Boundary
    device_share: float = 1.0
    wake_s: float = 0.0
    burst: int = 1
    radio: str | None = None
    radio_efficiency: float | None = None  # of the charger, for joules at the radio
    spreading_factor: int = 7
    cold_s: float = 0.0  # seconds of cold start per request, on average
    update_bytes_per_s: float = 0.0  # over the air, per device
    rounds_per_s: float = 0.0  # federated, per device
    stored_byte_s: float = 0.0  # bytes kept, times how long, per inference


@dataclass(frozen=True, slots=True)
class Amount:
    """Hold the joules of one slot per inference, the names of the inputs behind them, and how they were counted."""

    joules: FloatArray
    inputs: tuple[str, ...]
    how: str


Drawn = Mapping[str, "FloatArray"]
Slots = dict[Slot, Amount]


def bound(at: Boundary) -> tuple[Note, ...]:
    """Return the remark of a figure that does not reach the grid."""
    return (
        () if at is Boundary.GRID else (Note(code="lower_bound", text="part of what is bought was not metered: the true figure is larger"),)
    )


def ratio_bound(use: Usage) -> tuple[Note, ...]:
    """Return the remark of the ratio cloud over device when one of the two does not reach the grid."""
    device, cloud = use.device_at is not Boundary.GRID, use.cloud_at is not Boundary.GRID
    if device and cloud:
        return (Note(code="partial", text="neither side was metered in full"),)
    if device:
        return (Note(code="upper_bound", text="part of the device was not metered: the true ratio is smaller"),)
    return (Note(code="lower_bound", text="part of the cloud was not metered: the true ratio is larger"),) if cloud else ()


def conventions(scenario: Scenario) -> Iterator[Convention]:
    """Yield every combination of conventions that may be argued for; the first is the primary one."""
    clouds = (scenario.cloud_shape, "shared" if scenario.cloud_shape == "dedicated" else "dedicated")
    networks = ("none",) if scenario.network == "none" else ("marginal", "average")
    for network, device, cloud in itertools.product(networks, _devices(scenario), clouds):
        yield Convention(network, device, cloud)


def _devices(scenario: Scenario) -> tuple[str, ...]:
    """Return what the device may be charged with, the scenario's own way first.

    No way leaves out a wake-up that happens, or charges a device that exists anyway with an idle power it would have drawn anyway; a stream
    is listened to without a pause, so that idle time is its own unless the device exists anyway or is shared.
    """
    if scenario.device_power == "woken":
        return ("woken",)
    if scenario.device_power == "deep_sleep":
        return "duty_cycled", "woken"
    if scenario.device_role == "shared":
        return "shared", "incremental", "gross"
    if scenario.device_role == "dedicated":
        return "dedicated", "gross"
    if scenario.device_power == "streaming":
        return ("dedicated", "gross", "incremental") if "device.role" in scenario.given else ("dedicated", "gross")
    return "gross", "incremental"


def device_slots(view: Convention, x: Drawn, use: Usage) -> Slots:
    """Return what one inference on the device takes; raise NotComputable when the convention needs an unknown input."""
    loss = 1.0 / (use.psu_efficiency or 1.0)
    charger = f", over a charger efficiency of {100 * use.psu_efficiency:.0f} %" if use.psu_efficiency else ""
    if view.device == "incremental":
        net = _need(x, "device_net_j", "net joules per inference of the device run")
        added = {Slot.INFERENCE_DEVICE: Amount(net * loss, ("device_net_j",), f"net joules of the device run{charger}")}
        return added | _updates(view, x, use, loss)
    gross = _need(x, "device_j", "joules per inference of the device run")
    slots = {Slot.INFERENCE_DEVICE: Amount(gross * loss, ("device_j",), f"gross joules of the device run{charger}")}
    if view.device in ("dedicated", "shared"):
        idle_w = _need(x, "device_idle_w", "idle power of the device run")
        rest_s = max(0.0, 1.0 / use.rate_per_s - use.device_s)
        part = use.device_share if view.device == "shared" else 1.0
        whose = f"{100 * part:.0f} % of the idle power" if part < 1 else "idle power"
        slots[Slot.IDLE] = Amount(
            idle_w * rest_s * part * loss, ("device_idle_w",), f"{whose} for the {multiple(rest_s, 3)} s between two inferences{charger}"
        )
    if view.device in ("woken", "duty_cycled"):
        slots[Slot.IDLE] = _between(view, x, use, loss)
    return slots | _updates(view, x, use, loss)


def _between(view: Convention, x: Drawn, use: Usage, loss: float) -> Amount:
    """Return what waking takes, and sleeping where the device sleeps; a wake-up is never left out."""
    wake = _need(x, "wake_j", "joules of one wake-up") / use.burst
    if view.device == "woken":
        return Amount(wake * loss, ("wake_j",), f"one wake-up for {use.burst} inferences")
    sleep_w = _need(x, "sleep_w", "sleep power of the device")
    rest_s = max(0.0, 1.0 / use.rate_per_s - use.device_s - use.wake_s / use.burst)
    how = f"one wake-up for {use.burst} inferences, and {multiple(rest_s, 3)} s of sleep between two inferences"
    return Amount((wake + sleep_w * rest_s) * loss, ("wake_j", "sleep_w"), how)


def _updates(view: Convention, x: Drawn, use: Usage, loss: float) -> Slots:
    """Return what a device takes to be kept up to date, per inference: bytes over the air, and local training in federated rounds."""
    found: list[Amount] = []
    if use.update_bytes_per_s and view.network != "none":
        name, size = f"network_{view.network}", use.update_bytes_per_s / use.rate_per_s
        found.append(Amount(x[name] * size, (name,), f"{data(size)} of updates at the {view.network} rate per byte"))
        if (radio := _radio(x, use, size, sessions=0.0)) is not None:
            found.append(radio)
    if use.rounds_per_s and "federated_j" in x:
        rounds = use.rounds_per_s / use.rate_per_s
        found.append(Amount(x["federated_j"] * rounds * loss, ("federated_j",), f"{multiple(rounds, 3)} federated rounds"))
    if not found:
        return {}
    names = tuple(dict.fromkeys(name for amount in found for name in amount.inputs))
    joules = sum((amount.joules for amount in found[1:]), start=found[0].joules)
    return {Slot.UPDATES: Amount(joules, names, "; ".join(amount.how for amount in found))}


def cloud_slots(view: Convention, x: Drawn, use: Usage) -> Slots:
    """Return what one inference in the cloud takes, network included; raise NotComputable when an input is unknown."""
    gpu = _need(x, "cloud_j", "joules per inference of the cloud run")
    inside: Slots = {Slot.INFERENCE_CLOUD: Amount(gpu, ("cloud_j",), "joules of the cloud run at its own boundary")}
    names, factors = ("cloud_total", "cloud_idle_share", "cloud_facility_share"), "published shares of a production service"
    active = 1.0 + 0.0 * gpu
    if not use.sees_host:
        active = x["cloud_total"] * (1.0 - x["cloud_facility_share"] - x["cloud_idle_share"])
        inside[Slot.HOST] = _host(
            view, x, use, gpu * (active - 1.0), Amount(gpu, ("cloud_j", *names), f"host processors and memory: {factors}")
        )
    if view.cloud == "dedicated":
        idle_w, behind = _idle_w(x, use)
        rest_s = idle_s(use)
        how = f"reserved GPUs and hosts idle for {multiple(rest_s, 3)} s per request at {multiple(use.service_rate_per_s, 3)} requests/s"
        inside[Slot.IDLE] = Amount(idle_w * rest_s, behind, how)
    elif view.cloud == "autoscaled":
        idle_w, behind = _idle_w(x, use)
        rest = use.gpu_s * (1 / x["pool_utilisation"] - 1)
        inside[Slot.IDLE] = Amount(idle_w * rest, (*behind, "pool_utilisation"), "GPUs and hosts of the pool idle at its utilisation")
    elif not use.sees_host:
        inside[Slot.IDLE] = Amount(
            gpu * x["cloud_total"] * x["cloud_idle_share"], ("cloud_j", *names[:2]), f"idle machines of the pool: {factors}"
        )
    if view.cloud == "serverless" and use.cold_s and use.gpu_s:
        cold = gpu / use.gpu_s * use.cold_s * active
        before = inside.get(Slot.IDLE, Amount(0.0 * gpu, (), ""))
        how = f"{before.how}; {multiple(use.cold_s, 3)} s of cold start per request at the power of computing".lstrip("; ")
        inside[Slot.IDLE] = Amount(before.joules + cold, tuple(dict.fromkeys((*before.inputs, "cloud_j", *names))), how)
    if use.stored_byte_s and "storage_w_per_byte" in x:
        kept = x["storage_w_per_byte"] * use.stored_byte_s
        inside[Slot.STORAGE] = Amount(kept, ("storage_w_per_byte",), "what one inference sends, kept as long as stated")
    it_energy = sum((amount.joules for amount in inside.values()), start=0.0 * gpu)
    used = tuple(dict.fromkeys(name for amount in inside.values() for name in amount.inputs))
    inside[Slot.COOLING] = Amount(it_energy * (x["pue"] - 1.0), (*used, "pue"), "cooling and power conversion of the data centre (PUE)")
    return {**inside, **_transport(view, x, use)}


def _host(view: Convention, x: Drawn, use: Usage, share: FloatArray, of: Amount) -> Amount:
    """Return the host of a working GPU: its published share, and where machines are kept, no less than what they draw while idle."""
    import numpy as np

    if view.cloud not in ("dedicated", "autoscaled"):
        return Amount(share, of.inputs, of.how)
    idle_w, behind = _idle_w(x, use)
    return Amount(np.maximum(share, idle_w * use.gpu_s - of.joules), (*of.inputs, *behind), f"{of.how}, at least those of an idle server")


def _idle_w(x: Drawn, use: Usage) -> tuple[FloatArray, tuple[str, ...]]:
    """Return what one kept GPU and its host draw while idle, and the inputs behind it.

    Of an idle server a GPU's own meter sees the small part, and it does not grow with the GPU's work: a server metered at its plug says how
    much the rest is. What the GPU alone was seen to draw is the least.
    """
    import numpy as np

    own = _need(x, "cloud_idle_w", "idle power of the cloud run")
    return (own, ("cloud_idle_w",)) if use.sees_host else (np.maximum(own, x["server_idle_w"]), ("server_idle_w", "cloud_idle_w"))


def idle_s(use: Usage) -> float:
    """Return the idle GPU seconds per request of a dedicated service that keeps just enough GPUs busy."""
    gpus = max(1, math.ceil(use.service_rate_per_s * use.gpu_s))
    return max(0.0, gpus / use.service_rate_per_s - use.gpu_s)


def total(slots: Slots) -> FloatArray:
    """Return the sum of all slots."""
    amounts = [amount.joules for amount in slots.values()]
    return sum(amounts[1:], start=amounts[0])


def way(slots: Slots) -> FloatArray:
    """Return the joules of what lies between device and cloud, which is where the device is: network and radio, 0 where none is counted."""
    return sum((slots[slot].joules for slot in ON_THE_WAY if slot in slots), start=0.0 * total(slots))


def inputs_of(slots: Slots) -> tuple[str, ...]:
    """Return the names of all inputs behind the slots."""
    return tuple(dict.fromkeys(name for amount in slots.values() for name in amount.inputs))


def _transport(view: Convention, x: Drawn, use: Usage) -> Slots:
    if view.network == "none":
        return {}
    name = f"network_{view.network}"
    slots = {Slot.NETWORK: Amount(x[name] * use.payload_bytes, (name,), f"{data(use.payload_bytes)} at the {view.network} rate per byte")}
    if (radio := _radio(x, use, use.payload_bytes, sessions=1.0 / use.burst)) is not None:
        slots[Slot.RADIO] = radio
    return slots


def _radio(x: Drawn, use: Usage, size_bytes: float, *, sessions: float) -> Amount | None:
    """Return what the device's radio takes for so many bytes and sessions; None where nothing is known of it."""
    kind = use.radio or ("ble" if use.network == "ble" else None)
    loss = 1.0 / (use.radio_efficiency or 1.0)
    parts: list[tuple[FloatArray, str]] = []
    if "radio_session_j" in x:
        parts.append((x["radio_session_j"] * sessions, "radio_session_j"))
    if "radio_byte_j" in x:
        parts.append((x["radio_byte_j"] * size_bytes, "radio_byte_j"))
    elif kind == "ble":
        parts.append((x["radio_ble"] * size_bytes, "radio_ble"))
    elif kind == "lora":
        seconds = seconds_per_byte(use.spreading_factor) * size_bytes + seconds_per_session(size_bytes, use.spreading_factor) * (
            sessions > 0
        )
        parts.append((x["radio_lora_power"] * seconds, "radio_lora_power"))
    if not parts:
        return None
    joules = sum((joules for joules, _ in parts[1:]), start=parts[0][0]) * loss
    words = {"ble": "Bluetooth Low Energy", "lora": f"LoRa at spreading factor {use.spreading_factor}"}.get(
        str(kind), str(kind or "the radio")
    )
    shared = f", a session for {use.burst} inferences" if "radio_session_j" in x and use.burst > 1 else ""
    return Amount(joules, tuple(name for _, name in parts), f"{data(size_bytes)} over {words}{shared}")


def _need(x: Drawn, name: str, words: str) -> FloatArray:
    if name not in x:
        raise NotComputable(name, words)
    return x[name]
