"""Rule a side out before joules are counted: a side that cannot do the job is no answer, however little it takes.

latency     p99 of the run, and what an answer takes beside computing (waking up; round trip, filling a batch, waiting), within the limit
rate        inferences as fast as they arrive
airtime     LoRa at 868 MHz may send 1 % of the time (ETSI EN 300 220, 36 s an hour), so airtime x rate <= 1 %
memory      the file of the model within the memory of the machine
accuracy    the floor of the scenario, on labelled data
offline     a device that must work without a connection cannot ask a cloud
privacy     raw data that may not leave the device, or its region
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgekit.core.decision import Side
from edgekit.core.quantity import Estimate, Unknown
from edgekit.core.run import RunRecord
from edgekit.core.scenario import Scenario
from edgekit.core.units import format_scaled
from edgekit.core.weighing import Gate
from edgekit.decision.accounts.answering import beside_s
from edgekit.decision.accounts.radio import DUTY_CYCLE, airtime_s, lora_duty
from edgekit.decision.draws.gather import payload_bytes
from edgekit.decision.numerals import rate, size
from edgekit.decision.sides.choose import accuracy_of, seconds_of


def gates(scenario: Scenario, device: RunRecord | None, cloud: RunRecord | None) -> tuple[Gate, ...]:
    """Return every gate that the scenario sets, passed or not; None where a run does not say."""
    found = [*_network(scenario, device), *_promises(scenario)]
    for side, run in ((Side.DEVICE, device), (Side.CLOUD, cloud)):
        if run is not None:
            found += [*_latency(scenario, side, run), *_accuracy(scenario, side, run), *_memory(side, run)]
    if device is not None:
        found += _keeps_up(scenario, device)
    return tuple(found)


def ruled_out(found: Sequence[Gate], side: Side) -> tuple[Gate, ...]:
    """Return the gates that a side does not pass."""
    return tuple(gate for gate in found if gate.side is side and gate.passed is False)


def _promises(scenario: Scenario) -> Iterator[Gate]:
    if scenario.offline:
        yield Gate(name="offline", side=Side.CLOUD, passed=False, why="it must work without a connection")
    if scenario.privacy == "device":
        yield Gate(name="privacy", side=Side.CLOUD, passed=False, why="raw data may not leave the device")
    if scenario.privacy == "region":
        here, there = scenario.device_region, scenario.cloud_region
        if here is None or there is None:
            why = f"data may not leave the device's region, and the scenario names no {'device' if here is None else 'cloud'}.region"
            yield Gate(name="privacy", side=Side.CLOUD, passed=None, why=why)
        else:
            why = f"data may not leave {here}" + ("" if here == there else f", and the cloud is in {there}")
            yield Gate(name="privacy", side=Side.CLOUD, passed=here == there, why=why)


def _network(scenario: Scenario, device: RunRecord | None) -> Iterator[Gate]:
    if scenario.radio != "lora" or device is None:
        return
    up, _ = payload_bytes(scenario, device)
    seconds = airtime_s(up, scenario.lora_spreading_factor)
    share = lora_duty(up, scenario.rate_per_s, scenario.lora_spreading_factor)
    why = (
        f"{size(up)} take {format_scaled(seconds, 's')} on the air at spreading factor {scenario.lora_spreading_factor}, "
        f"{100 * share:.3g} % of the time at {rate(scenario.rate_per_s)}; 1 % is allowed"
    )
    yield Gate(name="radio airtime", side=Side.CLOUD, passed=share <= DUTY_CYCLE, why=why)


def _latency(scenario: Scenario, side: Side, run: RunRecord) -> Iterator[Gate]:
    limit = scenario.latency_limit_s
    if limit is None:
        return
    p99 = run.analysis.latency_p99_s if run.analysis is not None else Unknown(reason="the run was not analysed", unit="s")
    if not isinstance(p99, Estimate):
        yield Gate(name="latency", side=side, passed=None, why=f"p99 unknown: {p99.reason}")
        return
    beside, unstated = beside_s(side, scenario, run), ""
    if isinstance(beside, Unknown):
        beside, unstated = 0.0, "; waking up is not stated (device.wake_time)"
    elif side is Side.CLOUD and scenario.round_trip_s is None:
        unstated = "; the round trip is not stated (radio.round_trip)"
    seconds = p99.value + beside
    waits = "" if not beside else ", round trip and waiting" if side is Side.CLOUD else ", waking up"
    words = f"{format_scaled(seconds, 's')} (p99{waits}) against {format_scaled(limit, 's')}"
    passed = False if seconds > limit else None if unstated else True
    yield Gate(name="latency", side=side, passed=passed, why=words + unstated)


def _keeps_up(scenario: Scenario, device: RunRecord) -> Iterator[Gate]:
    seconds = seconds_of(device)
    if seconds > 0:
        busy = seconds * scenario.rate_per_s
        each = f"{format_scaled(seconds, 's')} per inference at {rate(scenario.rate_per_s)}"
        why = f"{each} keep the device busy {100 * busy:.3g} % of the time"
        yield Gate(name="rate", side=Side.DEVICE, passed=busy <= 1, why=why)


def _accuracy(scenario: Scenario, side: Side, run: RunRecord) -> Iterator[Gate]:
    floor = scenario.accuracy_floor
    if floor is None:
        return
    accuracy = accuracy_of(run)
    if isinstance(accuracy, Unknown):
        yield Gate(name="accuracy", side=side, passed=None, why=f"accuracy unknown: {accuracy.reason}")
    else:
        why = f"{100 * accuracy.value:.1f} % against a floor of {100 * floor:.1f} %"
        yield Gate(name="accuracy", side=side, passed=accuracy.value >= floor, why=why)


def _memory(side: Side, run: RunRecord) -> Iterator[Gate]:
    ram, model = run.facts_before.ram_bytes, run.artifact.size_bytes
    if ram is not None and model is not None:
        yield Gate(name="memory", side=side, passed=model <= ram, why=f"a model of {size(model)} in {size(ram)} of memory")
