"""Keep what self-tests found out about instruments: one folder for each (meter, identity, driver), the newest self-test in it.

calibrations/nvml-3f2a9c01d4e8/calibration.json               written last, in one step: it is whole or not there
calibrations/nvml-3f2a9c01d4e8/ticks-20261122T101500Z/        what was read: recording.json and one Parquet file per channel
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.core import jsonio
from edgekit.core.calibration import Calibration, SelftestRecording
from edgekit.core.channel import MeterSpec
from edgekit.core.errors import UsageError
from edgekit.core.quantity import Note, Origin
from edgekit.links.files import read_bytes, require_writable, write_atomic
from edgekit.store.traces import file_stem, read_trace, write_trace

if TYPE_CHECKING:
    from edgekit.core.trace import Trace

CALIBRATION, RECORDING = "calibration.json", "recording.json"
EMULATED = "emulated:"
RECORDING_BYTES = 2_000_000  # of the readings of a long self-test


def identity_of(spec: MeterSpec) -> str:
    """Return what tells this instrument from every other; one that only imitates hardware is never taken for what it imitates."""
    emulated = any(channel.origin is Origin.EMULATED for channel in spec.channels)
    return f"{EMULATED}{spec.identity}" if emulated and spec.identity else spec.identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Hold what is stored about one instrument: the calibration for its driver of today, those for other drivers, and what is damaged."""

    current: Calibration | None = None
    others: tuple[Calibration, ...] = ()
    notes: tuple[Note, ...] = ()


class CalibrationStore:
    """Save and find calibrations under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, meter: str, identity: str, driver: str) -> Path:
        """Return the folder of one instrument behind one driver."""
        key = hashlib.sha256("\0".join((meter, identity, driver)).encode()).hexdigest()[:12]
        return self.root / f"{file_stem(meter)}-{key}"

    def require_writable(self, spec: MeterSpec) -> None:
        """Raise SetupError unless a self-test of the instrument that `spec` describes could be stored now."""
        require_writable(self.folder(spec.kind, identity_of(spec), spec.driver), size=RECORDING_BYTES)

    def save(self, calibration: Calibration, recording: SelftestRecording, traces: Iterable[Trace]) -> Path:
        """Write a self-test with its readings and drop the one before; return its folder. A kill leaves one of the two whole."""
        folder = self.folder(calibration.meter, calibration.identity, calibration.driver)
        ticks = folder / f"ticks-{file_stem(calibration.created.replace(':', '').replace('-', ''))}"
        write_recording(ticks, recording, traces)
        write_atomic(folder / CALIBRATION, jsonio.dump_record(calibration))
        for older in folder.glob("ticks-*"):
            if older != ticks:
                shutil.rmtree(older, ignore_errors=True)
        return folder

    def known(self, spec: MeterSpec) -> Known:
        """Return what is stored about the instrument that `spec` describes; an instrument without identity is never known."""
        identity = identity_of(spec)
        if not identity:
            return Known()
        found: list[Calibration] = []
        notes: list[Note] = []
        for path in sorted(self.root.glob(f"{file_stem(spec.kind)}-*/{CALIBRATION}")):
            try:
                stored = jsonio.load_record(Calibration, read_bytes(path, "the calibration"), where=str(path))
            except UsageError as error:
                notes.append(Note(code="calibration.damaged", text=f"{error.what}, and is not used: {error.why}", advice=_again(spec)))
                continue
            if (stored.meter, stored.identity) == (spec.kind, identity):
                found.append(stored)
        others = sorted((item for item in found if item.driver != spec.driver), key=lambda item: item.created, reverse=True)
        return Known(current=next((item for item in found if item.driver == spec.driver), None), others=tuple(others), notes=tuple(notes))


def write_recording(folder: Path, recording: SelftestRecording, traces: Iterable[Trace]) -> Path:
    """Write what a self-test read into `folder`; return it."""
    files = tuple(replace(written, path=Path(written.path).name) for written in (write_trace(folder, trace) for trace in traces))
    write_atomic(folder / RECORDING, jsonio.dump_record(replace(recording, traces=files)))
    return folder


def read_recording(folder: Path) -> tuple[SelftestRecording, Mapping[str, Trace]]:
    """Return a stored self-test and its traces by channel id; raise UsageError when it is missing or damaged."""
    path = folder / RECORDING
    recording = jsonio.load_record(SelftestRecording, read_bytes(path, "the self-test"), where=str(path))
    return recording, {item.channel: read_trace(folder / item.path) for item in recording.traces}


def _again(spec: MeterSpec) -> str:
    return f"`edgekit meters selftest {spec.kind}` writes it anew"
