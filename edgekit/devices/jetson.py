"""Run models on an NVIDIA Jetson."""

from __future__ import annotations

from edgekit.devices.ssh import SshDevice


class JetsonDevice(SshDevice):
    """Reach a Jetson over ssh; options are those of the device `ssh`.

    Its INA3221 (`jetson`) reads the module's input and rails; the carrier board is seen by a meter in the supply line only.
    """
