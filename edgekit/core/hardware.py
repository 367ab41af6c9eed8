"""Describe machines: what the user configured (spec) apart from what was read on them (facts)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

REHEARSAL = "rehearsal"  # the option of a device that names what stands in for it


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpec:
    """Hold what the user asked for: a name, a kind from the registry, where it is reached, and options of that kind.

    `meter` is what is read there when nobody names one; `services` are what a run stops that may prepare the machine.
    """

    name: str
    kind: str
    address: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    meter: str | None = None
    services: tuple[str, ...] = ()

    @property
    def typed(self) -> str:
        """Return what means the device on a command line: its name, or its address where it was never given another name."""
        address = (self.address or "").rstrip("/")
        return address if address.endswith(f"://{self.name}") else self.name

    @property
    def rehearsed(self) -> bool:
        """Return whether something else stands in for the machine: times and energies are then those of a rehearsal."""
        return self.kind == "sim" or REHEARSAL in self.options


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """Hold what was read on the device. A fact that could not be read is None, and `reasons` says why under its name.

    `throttled` and `throttle_reasons` hold now, `throttle_since_boot` at some moment since the machine started. Counters go on from then,
    so two looks with one `boot` are compared: `throttle_events`, `steal_s`, pages swapped in and out. `clock_offset_ns` is CLOCK_REALTIME
    less CLOCK_MONOTONIC at `read_ns` of the latter: it changes when somebody steps the clock. `engines` are those installed, by package.
    """

    model: str | None = None
    cpu: str | None = None
    arch: str | None = None
    cores: int | None = None
    ram_bytes: int | None = None
    os: str | None = None
    kernel: str | None = None
    governor: str | None = None
    frequency_hz: float | None = None
    temperature_c: float | None = None
    throttled: bool | None = None
    load_1m: float | None = None
    steal_s: float | None = None
    throttle_reasons: tuple[str, ...] | None = None
    throttle_since_boot: tuple[str, ...] | None = None
    throttle_events: int | None = None
    under_voltage: bool | None = None
    swap_used_bytes: int | None = None
    swap_in_pages: int | None = None
    swap_out_pages: int | None = None
    clock_source: str | None = None
    clock_synchronised: bool | None = None
    clock_offset_ns: int | None = None
    read_ns: int | None = None
    boot: str | None = None
    gpu: str | None = None
    python: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    delegate: str | None = None
    precision: str | None = None
    threads: int | None = None
    engines: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
