"""Run models on a Raspberry Pi."""

from __future__ import annotations

from edgekit.devices.ssh import SshDevice


class PiDevice(SshDevice):
    """Reach a Raspberry Pi over ssh; options are those of the device `ssh`.

    A Pi 5 has counters of its own (`pmic`: rails behind its regulators, not what the supply delivers); older ones have none, so that joules
    come from a meter in the supply line.
    """
