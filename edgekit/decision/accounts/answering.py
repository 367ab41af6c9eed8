"""Say how long an answer takes beside computing it: waking up, filling a batch, cold starts, and the way to the cloud and back. Pure."""

from __future__ import annotations

from edgekit.core.decision import Side
from edgekit.core.quantity import Unknown
from edgekit.core.run import RunRecord
from edgekit.core.scenario import Scenario
from edgekit.decision.cloud.batching import wait_s
from edgekit.decision.sides.choose import service_rate

_SELDOM = 0.01  # what fewer requests than this meet is beyond the 99 of 100


def beside_s(side: Side, scenario: Scenario, run: RunRecord) -> float | Unknown:
    """Return the seconds that 99 of 100 answers take at most beside one invocation; a round trip that is not stated counts 0.

    Unknown where a device is woken and nobody says how long that takes.
    """
    if side is Side.DEVICE:
        if scenario.device_power not in ("woken", "deep_sleep"):
            return 0.0
        if scenario.wake_s is None:
            return Unknown(reason="the scenario gives no device.wake_time", unit="s")
        return scenario.wake_s
    cold_s = (scenario.cold_start_s or 0.0) if scenario.cloud_shape == "serverless" and (scenario.cold_share or 0.0) > _SELDOM else 0.0
    return (scenario.round_trip_s or 0.0) + (scenario.cloud_time_s or 0.0) + cold_s + wait_s(run.plan.batch, service_rate(run, scenario))
