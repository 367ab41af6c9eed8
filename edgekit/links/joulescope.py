"""Reach a Joulescope through its maker's library (extra `joulescope`): what is published becomes lines, and lines become what is asked.

    to      {"query": "s/i/range/mode"}    {"publish": "s/stats/ctrl", "value": 1}    {"subscribe": "s/stats/value"}
    from    {"topic": "s/stats/value", "value": {...}}

One JSON object a line; topics go without the path of the device. So a Joulescope is read, captured and repeated as any other port is.
"""

from __future__ import annotations

import errno
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from edgekit.core.errors import HardwareError, UsageError, missing_extra
from edgekit.links.port import refused

Library = Callable[[], Any]
"""Make what pyjoulescope_driver.Driver is: device_paths, open, query, publish, subscribe, unsubscribe, close, finalize."""

_REMOVED: Final = "@/!remove"


class JoulescopePort:
    """Exchange lines with one instrument: "" for the only one, "SERIAL", "u/js220/SERIAL", or "usb://16d0:10ba/SERIAL".

    It is opened as it is, and not set to its defaults, which could switch the board on. `wait` waits for news for so many seconds.
    """

    def __init__(
        self, address: str, baud: int = 0, *, library: Library | None = None, wait: Callable[[float], object] | None = None
    ) -> None:
        self.name = address or "joulescope"
        self._news = threading.Event()
        self._wait = wait or self._news.wait
        self._came: deque[bytes] = deque()
        self._rest = b""
        self._gone = False
        self._heard = self._hear  # the library knows a function by its identity, and a method is a new one each time
        self._driver = (library or _library())()
        try:
            self._device = _found(list(self._driver.device_paths()), address)
            self._driver.open(self._device, "restore")
            self._topics = [_REMOVED]
            self._driver.subscribe(_REMOVED, "pub", self._heard)
        except (OSError, RuntimeError) as error:
            self._driver.finalize()
            raise refused(self.name, error) from error
        except BaseException:
            self._driver.finalize()
            raise
        self._came.append(_line("@/device", self._device))

    def read(self, most: int, timeout_s: float) -> bytes:
        """Return what was published, as lines; none after `timeout_s`; raise HardwareError when the instrument is gone."""
        if not (self._came or self._rest or self._gone) and timeout_s > 0:
            self._news.clear()
            if not self._came:
                self._wait(timeout_s)
        while self._came:
            self._rest += self._came.popleft()
        if not self._rest and self._gone:
            raise self._lost("it was unplugged")
        got, self._rest = self._rest[:most], self._rest[most:]
        return got

    def write(self, data: bytes) -> None:
        """Do what each line says."""
        for line in data.splitlines():
            asked = json.loads(line)
            with self._or_lost():
                self._obey(asked)

    def close(self) -> None:
        """Close the instrument and end the library; harmless when called twice."""
        if self._driver is None:
            return
        for topic in self._topics:
            with suppress(OSError, RuntimeError):
                self._driver.unsubscribe(topic, self._heard)
        with suppress(OSError, RuntimeError):
            self._driver.close(self._device)
        self._driver.finalize()
        self._driver = None

    def _obey(self, asked: dict[str, Any]) -> None:
        if "query" in asked:
            self._came.append(_line(asked["query"], self._driver.query(f"{self._device}/{asked['query']}")))
        elif "subscribe" in asked:
            topic = f"{self._device}/{asked['subscribe']}"
            self._driver.subscribe(topic, "pub", self._heard)
            self._topics.append(topic)
        else:
            self._driver.publish(f"{self._device}/{asked['publish']}", asked["value"])

    def _hear(self, topic: str, value: object) -> None:
        """Take what the library publishes, on its own thread."""
        if topic == _REMOVED:
            self._gone |= value == self._device
        else:
            self._came.append(_line(topic.removeprefix(f"{self._device}/"), value))
        self._news.set()

    @contextmanager
    def _or_lost(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError) as error:
            raise self._lost(str(error)) from error

    def _lost(self, why: str) -> HardwareError:
        remedy = [("plug it in again, then see what is present:", "edgekit meters --all")]
        return HardwareError(f"{self.name} is gone", code="port.gone", why=why, do=remedy)


def _line(topic: str, value: object) -> bytes:
    return json.dumps({"topic": topic, "value": value}, default=_plain).encode() + b"\n"


def _plain(value: Any) -> object:
    """Return bytes and arrays of bytes as hexadecimal text, numbers of numpy as they are."""
    if isinstance(value, bytes):
        return value.hex()
    return value.tobytes().hex() if getattr(value, "ndim", 0) else value.item()


def _found(paths: list[str], address: str) -> str:
    """Return the path of the instrument that is meant."""
    serial = address.rpartition("/")[2] if not address.startswith("usb://") or address.count("/") > 2 else ""
    here = [path for path in paths if not serial or path.rpartition("/")[2].lower() == serial.lower()]
    if not here:
        raise refused(address or "joulescope", FileNotFoundError(errno.ENOENT, "No such file"))
    if len(here) > 1:
        raise UsageError(
            f"{len(here)} Joulescopes are connected",
            code="meter.several",
            why=", ".join(here),
            do=[("name one:", f"edgekit meters read joulescope:{path}") for path in here],
        )
    return here[0]


def _library() -> Library:
    try:
        from pyjoulescope_driver import Driver
    except ImportError as error:
        raise missing_extra("pyjoulescope_driver", "joulescope", "a Joulescope") from error
    driver: Library = Driver
    return driver
