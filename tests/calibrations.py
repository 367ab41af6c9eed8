"""Make self-tests that never took place."""

from __future__ import annotations

import numpy as np

from edgekit.core.boundary import Boundary
from edgekit.core.calibration import Calibration, ChannelCalibration, SelftestRecording, Stretch
from edgekit.core.channel import Accuracy, Channel, Measurand, MeterSpec
from edgekit.core.quantity import Estimate, Origin, Unknown
from edgekit.core.trace import Trace
from edgekit.store.calibrations import identity_of


def spec(*, origin=Origin.MEASURED, identity="GPU-1", driver="580.1"):
    channels = tuple(
        Channel(id=f"nvml.gpu0.{part}", meter="nvml", boundary=Boundary.GPU_BOARD, measurand=kind, unit=unit, origin=origin)
        for part, kind, unit in (("energy", Measurand.ENERGY_COUNTER, "J"), ("power", Measurand.POWER, "W"))
    )
    return MeterSpec(kind="nvml", channels=channels, accuracy=Accuracy(source="none"), identity=identity, driver=driver)


def about(value, unit, origin=Origin.MEASURED):
    return Estimate(value=value, low=0.9 * value, high=1.1 * value, unit=unit, origins=(origin,))


def calibration(of, *, created="2026-11-22T10:00:00Z", fraction=0.25):
    channels = tuple(
        ChannelCalibration(
            channel=channel.id,
            update_period_s=about(0.1, "s"),
            sampled_fraction=about(fraction, "1") if fraction else Unknown(reason="no load was driven", unit="1"),
            noise_w=about(2.0, "W"),
            read_s=about(1e-4, "s"),
            averaging_s=about(0.025, "s"),
        )
        for channel in of.channels
    )
    return Calibration(meter=of.kind, identity=identity_of(of), driver=of.driver, created=created, device="local", channels=channels)


def recording(of, created="2026-11-22T10:00:00Z"):
    return SelftestRecording(created=created, meter=of, stretches=(Stretch(load="idle", start_ns=0, end_ns=9),))


def trace():
    columns = {"t_ns": np.arange(5), "bracket_ns": np.ones(5, np.int64), "value": np.arange(5.0), "flags": np.zeros(5, np.uint8)}
    return Trace(channel="nvml.gpu0.energy", clock="host", **columns)
