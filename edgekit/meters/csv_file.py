"""Read a file that another program has finished writing when the run ends: seconds and watts, or volts and amperes, row by row.

The rows are read when the meter is stopped; those that fall into the run become its readings. What is there before is looked at first,
so that a wrong name or a damaged file costs no measurement.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from edgekit.core.boundary import Boundary
from edgekit.core.channel import Accuracy, MeterSpec
from edgekit.core.errors import EdgekitError, HardwareError, UsageError
from edgekit.core.protocols import Clock, ReadingSink, ReadingWatch
from edgekit.core.quantity import Origin
from edgekit.core.sync import Delay
from edgekit.core.trace import Reading
from edgekit.links.clock import HostClock
from edgekit.links.files import read_text
from edgekit.meters.reading.printed import channels_of, names_of
from edgekit.meters.reading.printed import complete as makes_power
from edgekit.meters.reading.settings import check_names, number, one_of, place, wrong
from edgekit.meters.reading.table import Row, parse_table, quantities

_OPTIONS: Final = ("time", "offset_s", "bracket_ms", "boundary", "gain_rel", "quantities", "samples", "max_w")
_TIMES: Final = ("start", "unix", "host")


class CsvMeter:
    """Deliver the rows of a file at the end of a run. The option `time` says what their times count from.

    start: from when the meter was started; unix: from 1970, UTC; host: this host's monotonic clock. `offset_s` is added to each.
    """

    kind = "csv"

    def __init__(
        self,
        address: str | None = None,
        options: Mapping[str, str] | None = None,
        *,
        clock: Clock | None = None,
        unix_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.address, self.options = address or "", dict(options or {})
        check_names(self.kind, self.options, _OPTIONS)
        if not self.address:
            raise wrong(self.kind, "address", "it is the path of the file, as in csv:power.csv")
        self._clock, self._unix_ns = clock or HostClock(), unix_ns
        self._boundary = place(self.kind, self.options, Boundary.USB_INPUT)
        self._time = one_of(self.kind, self.options, "time", _TIMES, "start")
        self._offset_ns = round(1e9 * number(self.kind, self.options, "offset_s", 0.0, low=-1e9, high=1e9))
        usual_ms = 0.0 if self._time == "host" else 50.0
        self._bracket_ns = round(1e6 * number(self.kind, self.options, "bracket_ms", usual_ms, low=0, high=60_000))
        self._gain_rel = number(self.kind, self.options, "gain_rel", -1.0, low=0, high=1)
        self._means = one_of(self.kind, self.options, "samples", ("means", "points"), "means") == "means"
        self._most_w = number(self.kind, self.options, "max_w", 10_000.0, low=1e-6, high=1e6)
        self._told = one_of(self.kind, self.options, "quantities", ("watts", "volts amps"), "watts")
        self._started: tuple[ReadingSink, ReadingWatch | None, int, int] | None = None

    def spec(self) -> MeterSpec:
        """Return the spec of what the file's header names; of a file that is still to come, of what the option `quantities` says.

        Raises:
            UsageError: there is no file, and `quantities` does not announce one; or it is damaged.
        """
        path = Path(self.address)
        found = self._there(path) if path.exists() else self._announced(path)
        stated = self._gain_rel if self._gain_rel >= 0 else None
        return MeterSpec(
            kind=self.kind,
            channels=channels_of(
                self.kind, found, boundary=self._boundary, origin=Origin.EMULATED if self.options.get("emulated") else Origin.MEASURED
            ),
            accuracy=Accuracy(source="stated by the user" if stated is not None else "nobody stated it", gain_rel=stated),
            integrating=self._means,
            max_power_w=self._most_w,
            detail=path.name,
            delay=Delay(seconds=0.0, half_s=0.0, source=f"the times in the file, time={self._time}"),
        )

    def _there(self, path: Path) -> frozenset[str]:
        text = read_text(path, "the readings")
        found = quantities(text, where=self.address)
        parse_table(text, where=self.address, growing=True)
        return found

    def _announced(self, path: Path) -> frozenset[str]:
        if "quantities" in self.options and path.parent.is_dir():
            return frozenset(self._told.split())
        folder = "" if path.parent.is_dir() else f": there is no folder {path.parent}"
        later = shlex.quote(f"csv:{self.address},quantities={self._told}")
        raise UsageError(
            f"the readings {self.address} do not exist",
            code="csv.absent",
            why=f"a meter that is a file is looked at before anything is measured{folder}",
            do=[
                ("look at what is there:", "ls -l"),
                ("or say what it will hold when it comes:", f"edgekit bench ARTIFACT --meter {later}"),
            ],
        )

    def start(self, sink: ReadingSink, watch: ReadingWatch | None = None) -> None:
        """Note when the run began; raise HardwareError when started twice."""
        if self._started is not None:
            raise HardwareError("meter csv is already started", code="meter.started_twice")
        now_ns = self._clock.now_ns()
        self._started = (sink, watch, now_ns, now_ns - self._unix_ns())

    def stop(self) -> None:
        """Read the file and deliver its rows; harmless when not started. What is wrong with the file is told to `watch`."""
        if self._started is None:
            return
        (sink, watch, start_ns, from_unix_ns), self._started = self._started, None
        origin_ns = {"start": start_ns, "unix": from_unix_ns, "host": 0}[self._time] + self._offset_ns
        try:
            rows = parse_table(read_text(Path(self.address), "the readings"), where=self.address)
            made = self._readings(rows, origin_ns, start_ns, self._clock.now_ns())
            if not made:
                raise self._elsewhere(rows, origin_ns, start_ns)
        except EdgekitError as error:
            if watch is None:
                raise
            watch.failed(error)
            return
        sink(made)

    def _readings(self, rows: tuple[Row, ...], origin_ns: int, start_ns: int, end_ns: int) -> list[Reading]:
        made = []
        for row in rows:
            t_ns = row.t_ns + origin_ns
            if start_ns <= t_ns <= end_ns and makes_power(frozenset(row.values)):
                made += [
                    Reading(channel=f"csv.{names_of(name)}", t_ns=t_ns, bracket_ns=self._bracket_ns, value=value)
                    for name, value in row.values.items()
                ]
        return made

    def _elsewhere(self, rows: tuple[Row, ...], origin_ns: int, start_ns: int) -> HardwareError:
        first_s = (rows[0].t_ns + origin_ns - start_ns) / 1e9
        return HardwareError(
            f"no row of {self.address} falls into the run",
            code="csv.elsewhere",
            why=f"its first row lies {abs(first_s):.4g} s {'before' if first_s < 0 else 'after'} the start, with time={self._time}",
            do=[
                ("say what its times count from, and an offset:", f"edgekit bench ARTIFACT --meter csv:{self.address},time=unix,offset_s=0")
            ],
        )
