"""Read RDTech's UM24C: the UM25C's protocol with its own steps."""

from __future__ import annotations

from edgekit.meters.um25c import Um25cMeter


class Um24cMeter(Um25cMeter):
    """Ask as for a UM25C; the answer says which model it is. On Linux its port is listed as um25c: Bluetooth tells no more."""

    kind = "um24c"
    serial_names: tuple[str, ...] = ("cu.UM24C",)
