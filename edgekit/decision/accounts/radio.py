"""Work out what the device's radio takes: LoRa from its airtime, others from joules per session and per byte. Pure.

One LoRa frame of n bytes at spreading factor SF on 125 kHz (Semtech AN1200.13; coding rate 4/5, explicit header, check sum, and slow data
rates optimised at SF 11 and 12, DE = 1) is on the air for

    T = (8 + 4.25) T_symbol + (8 + max(0, ceil((8 n - 4 SF + 44) / (4 (SF - 2 DE))) x 5)) T_symbol        T_symbol = 2^SF / 125 kHz

LoRaWAN adds 13 bytes to each frame, and a frame carries 222 bytes at SF 7 and 8, 115 at SF 9, 51 at SF 10 to 12 (EU868). In that band a
device may send 1 % of the time.
"""

from __future__ import annotations

import math

DUTY_CYCLE = 0.01
_BANDWIDTH_HZ = 125_000.0
_HEADER_BYTES = 13
_MOST_BYTES = {7: 222, 8: 222, 9: 115, 10: 51, 11: 51, 12: 51}


def frame_s(size_bytes: int, spreading_factor: int) -> float:
    """Return the seconds one LoRa frame of `size_bytes` (LoRaWAN's own included) is on the air."""
    symbol_s = 2.0**spreading_factor / _BANDWIDTH_HZ
    bits = 4 * (spreading_factor - (2 if spreading_factor >= 11 else 0))
    symbols = 8 + max(0, math.ceil((8 * size_bytes - 4 * spreading_factor + 44) / bits) * 5)
    return (8 + 4.25 + symbols) * symbol_s


def airtime_s(payload_bytes: float, spreading_factor: int) -> float:
    """Return the seconds a payload is on the air, cut into as many frames as it needs; 0 for no payload."""
    most = _MOST_BYTES[spreading_factor]
    full, rest = divmod(math.ceil(payload_bytes), most)
    last_s = frame_s(rest + _HEADER_BYTES, spreading_factor) if rest else 0.0
    return full * frame_s(most + _HEADER_BYTES, spreading_factor) + last_s


def seconds_per_byte(spreading_factor: int) -> float:
    """Return the airtime of one byte in full frames: the part that grows with the payload."""
    most = _MOST_BYTES[spreading_factor]
    return (frame_s(most + _HEADER_BYTES, spreading_factor) - frame_s(_HEADER_BYTES, spreading_factor)) / most


def seconds_per_session(payload_bytes: float, spreading_factor: int) -> float:
    """Return the airtime beside it: preamble and header of the first frame, and of the others in proportion."""
    return frame_s(_HEADER_BYTES, spreading_factor) * max(1.0, payload_bytes / _MOST_BYTES[spreading_factor])


def lora_duty(payload_bytes: float, rate_per_s: float, spreading_factor: int) -> float:
    """Return the share of time that sending takes; more than DUTY_CYCLE is not allowed in EU868."""
    return airtime_s(payload_bytes, spreading_factor) * rate_per_s
