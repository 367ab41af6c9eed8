"""Read the dates of MLPerf logs: month-day-year as the tools write them, day-month-year where a log can only mean that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

HOUR_NS = 3_600_000_000_000
_EPOCH = datetime(1970, 1, 1)  # without a zone, as the logs are: only differences of written times are meant


class Order(StrEnum):
    """Name the order of a date's fields."""

    MONTH_FIRST = "%m-%d-%Y"
    DAY_FIRST = "%d-%m-%Y"


def order_of(dates: Sequence[str]) -> Order:
    """Return the order that fits: day first only where a first field above 12 leaves no choice."""
    return Order.DAY_FIRST if any(date[:2].isdigit() and int(date[:2]) > 12 for date in dates) else Order.MONTH_FIRST


def parse_ns(text: str, order: Order) -> int:
    """Return nanoseconds of a written time since 1970 as if it were UTC; raise ValueError when it is none."""
    date, _, time = text.strip().partition(" ")
    clock = "%H:%M:%S.%f" if "." in time else "%H:%M:%S"
    return (datetime.strptime(f"{date} {time}", f"{order.value} {clock}") - _EPOCH) // timedelta(microseconds=1) * 1000


def written(t_ns: int) -> str:
    """Return a time as people write it."""
    return (_EPOCH + timedelta(microseconds=t_ns // 1000)).isoformat(sep=" ", timespec="milliseconds")
