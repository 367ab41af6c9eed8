"""Gather the uncertain inputs of a decision from runs, constants and the scenario."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.core.boundary import Boundary, sees
from edgekit.core.decision import Constant
from edgekit.core.quantity import Estimate, Origin, Quantity
from edgekit.core.run import RunRecord
from edgekit.core.scenario import Scenario
from edgekit.decision.accounts.energy import Usage
from edgekit.decision.accounts.totals import YEAR_S
from edgekit.decision.draws.montecarlo import Input, shared_terms
from edgekit.decision.sides.choose import energy_of, headline_channel, seconds_of, service_rate
from edgekit.energy.uncertainty.budget import dominating_term

_ITEM_BYTES = {
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "float64": 8,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "bool": 1,
}

CHARGER = "the loss in the charger"  # all that a meter behind it misses
_STATED = {  # input -> (attribute of the scenario, its line)
    "wake_j": ("wake_j", "device.wake_energy"),
    "sleep_w": ("sleep_w", "device.sleep_power"),
    "radio_session_j": ("radio_session_j", "radio.session_energy"),
    "radio_byte_j": ("radio_j_per_byte", "radio.energy_per_byte"),
    "federated_j": ("federated_round_j", "updates.federated_energy"),
    "storage_w_per_byte": ("storage_w_per_byte", "storage.power"),
}
_GPU = (Boundary.GPU_BOARD, Boundary.GPU_MODULE)  # for these the published shares of a production service close the gap to the grid


def usage(scenario: Scenario, device: RunRecord, cloud: RunRecord | None) -> Usage:
    """Return what the accounting needs of the scenario and the chosen runs; without a cloud run only the device's part is meant."""
    up, down = payload_bytes(scenario, device)
    return Usage(
        rate_per_s=scenario.rate_per_s,
        payload_bytes=up + down,
        network=scenario.network,
        psu_efficiency=None if energy_of(device).boundary is Boundary.WALL else scenario.psu_efficiency,
        device_s=seconds_of(device),
        gpu_s=seconds_of(cloud) if cloud is not None else 0.0,
        service_rate_per_s=service_rate(cloud, scenario) if cloud is not None else scenario.rate_per_s * scenario.fleet,
        sees_host=cloud is None or energy_of(cloud).boundary not in _GPU,
        device_at=_reaches(device, scenario.psu_efficiency),
        cloud_at=Boundary.GRID if cloud is None or energy_of(cloud).boundary in _GPU else _reaches(cloud, None),
        cloud_metered_at=(energy_of(cloud).boundary if cloud is not None else None) or Boundary.GRID,
        device_share=scenario.device_share if scenario.device_share is not None else 1.0,
        wake_s=scenario.wake_s or 0.0,
        burst=scenario.burst,
        radio=scenario.radio,
        radio_efficiency=scenario.psu_efficiency,
        spreading_factor=scenario.lora_spreading_factor,
        cold_s=(scenario.cold_share or 0.0) * (scenario.cold_start_s or 0.0),
        update_bytes_per_s=_update_bytes_per_year(scenario) / YEAR_S,
        rounds_per_s=(scenario.federated_rounds_per_year or 0.0) / YEAR_S,
        stored_byte_s=up * (scenario.storage_s or 0.0),
    )


def _update_bytes_per_year(scenario: Scenario) -> float:
    over_the_air = (scenario.ota_bytes or 0.0) * (scenario.ota_per_year or 0.0)
    return over_the_air + (scenario.federated_bytes or 0.0) * (scenario.federated_rounds_per_year or 0.0)


def payload_bytes(scenario: Scenario, device: RunRecord) -> tuple[float, float]:
    """Return bytes (up, down) per inference: as stated, else the size of the model's own input and output tensors."""
    up = scenario.payload_up_bytes
    down = scenario.payload_down_bytes
    if up is None:
        up = sum(_bytes(item.shape, item.dtype) for item in device.artifact.inputs)
    if down is None:
        down = sum(_bytes(item.shape, item.dtype) for item in device.artifact.outputs)
    return up, down


def _bytes(shape: tuple[int, ...], dtype: str) -> float:
    size = float(_ITEM_BYTES.get(dtype, 4))
    for length in shape[1:]:
        size *= max(1, length)
    return size


def inputs_from(
    scenario: Scenario, constants: Mapping[str, Constant], device: RunRecord | None, cloud: RunRecord | None
) -> dict[str, Input]:
    """Return every input that is known, by name; an unknown one is absent."""
    found = [*run_inputs("device", device), *run_inputs("cloud", cloud), *_time(cloud)]
    if scenario.cloud_pue is not None:
        found.append(stated("pue", scenario.cloud_pue, "cloud.pue"))
    else:
        found.append(from_constant("pue", constants[f"pue_{scenario.cloud_facility}"], "state it: cloud.pue = 1.2"))
    found.append(from_constant("cloud_total", constants["cloud_total_per_accelerator"], "meter the GPU server at the wall"))
    found.append(from_constant("cloud_idle_share", constants["cloud_share_idle"], "meter the GPU server at the wall"))
    found.append(from_constant("cloud_facility_share", constants["cloud_share_facility"], "meter the GPU server at the wall"))
    found.append(from_constant("server_idle_w", constants["server_idle_per_gpu"], "meter the GPU server at the wall while it is idle"))
    kind = "mobile" if scenario.network == "mobile" else "fixed"
    for view in ("marginal", "average"):
        found.append(
            from_constant(f"network_{view}", constants[f"network_{kind}_{view}"], "decide which network accounting applies to you")
        )
    found.append(from_constant("radio_ble", constants["radio_ble"], "meter the device while it sends"))
    found.append(from_constant("radio_lora_power", constants["radio_lora_power"], "meter the device while it sends"))
    if scenario.cloud_shape in ("shared", "autoscaled") and scenario.cloud_utilisation is not None:
        found.append(stated("pool_utilisation", scenario.cloud_utilisation, "cloud.utilisation"))
    else:
        found.append(from_constant("pool_utilisation", constants["cloud_pool_utilisation"], "state it: cloud.utilisation"))
    own = {name: getattr(scenario, attribute) for name, (attribute, _) in _STATED.items()}
    found += [stated(name, value, _STATED[name][1]) for name, value in own.items() if value is not None]
    return {item.name: item for item in found}


def run_inputs(side: str, run: RunRecord | None) -> list[Input]:
    """Return the figures of one run as inputs of a side ("device", "cloud"); none without a run."""
    if run is None:
        return []
    channel = headline_channel(run)
    quantities: dict[str, Quantity] = {f"{side}_j": energy_of(run)}
    if channel is not None:
        quantities |= {f"{side}_net_j": channel.net_j_per_inference, f"{side}_idle_w": channel.idle_w}
    term = dominating_term(energy) if isinstance(energy := energy_of(run), Estimate) else None
    return [
        Input(
            name=name,
            value=item.value,
            low=item.low,
            high=item.high,
            origins=item.origins,
            evidence=run.id,
            group=f"run:{run.id}",
            shrink=(term.shrink if term is not None else None) or "more and longer windows",
            shared=shared_terms(energy) if isinstance(energy, Estimate) else (),
        )
        for name, item in quantities.items()
        if isinstance(item, Estimate)
    ]


def _time(cloud: RunRecord | None) -> list[Input]:
    """Return the seconds that one inference takes in the cloud, which money is paid for; a clock and no meter says them."""
    time = cloud.analysis.time_s_per_inference if cloud is not None and cloud.analysis is not None else None
    if cloud is None or not isinstance(time, Estimate) or time.value <= 0:
        return []
    return [
        Input(
            name="cloud_s",
            value=time.value,
            low=time.low,
            high=time.high,
            origins=time.origins,
            evidence=cloud.id,
            group=f"time:{cloud.id}",
            shrink="more and longer windows",
        )
    ]


def from_constant(name: str, constant: Constant, shrink: str) -> Input:
    """Return a published constant as an input; without a published range it is taken as exact."""
    low = constant.low if constant.low is not None else constant.value
    high = constant.high if constant.high is not None else constant.value
    return Input(
        name=name,
        value=constant.value,
        low=low,
        high=high,
        origins=(Origin.SOURCED,),
        evidence=constant.id,
        group=constant.id,
        shrink=shrink,
    )


def stated(name: str, value: float, key: str, scenario: Scenario | None = None) -> Input:
    """Return what line `key` of the scenario states as an input; it is taken as exact unless a range was stated with it."""
    ends = next((item for item in (scenario.ranges if scenario is not None else ()) if item.key == key), None)
    return Input(
        name=name,
        value=value,
        low=value if ends is None else ends.low,
        high=value if ends is None else ends.high,
        origins=(Origin.SOURCED,),
        evidence=f"scenario:{key}",
        group=key,
        shrink="as you stated it",
    )


def _reaches(run: RunRecord, psu_efficiency: float | None) -> Boundary:
    return Boundary.GRID if unseen(run, psu_efficiency) is None else energy_of(run).boundary or Boundary.GRID


def unseen(run: RunRecord, psu_efficiency: float | None) -> str | None:
    """Return what the device's meter does not see of the electricity bought, None when it sees all of it."""
    boundary = energy_of(run).boundary
    if boundary is None or boundary in (Boundary.WALL, Boundary.GRID):
        return None
    if boundary in (Boundary.USB_INPUT, Boundary.BATTERY):
        return None if psu_efficiency is not None else CHARGER
    return f"the rest of the device (the meter sees {sees(boundary)})"
