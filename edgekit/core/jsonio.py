"""Write and read core dataclasses as JSON with a schema id. Floats are finite, unknown is null, text is UTF-8, order is fixed."""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
from functools import cache
from typing import Any, Protocol, TypeVar

from edgekit.core.errors import UsageError

T = TypeVar("T")
_MOST_DIGITS = 40  # more than any clock or counter has; arithmetic with thousands of them ends nowhere


class Record(Protocol):
    """Name a dataclass that is stored under a schema id such as "edgekit.run/1"."""

    SCHEMA: str


def as_data(value: Any) -> Any:
    """Return `value` (dataclasses, mappings, sequences, scalars) as plain JSON data."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "items"):
        return {str(key): as_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_data(item) for item in value]
    return value


def dumps(data: Any) -> str:
    """Return plain data or dataclasses as indented JSON with a final newline; refuse NaN and infinity with ValueError."""
    return json.dumps(as_data(data), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def dump_record(record: Any) -> str:
    """Return a record as JSON whose first key is its schema id."""
    return dumps({"schema": type(record).SCHEMA, **as_data(record)})


def load_record(cls: type[T], text: str | bytes, *, where: str) -> T:
    """Return the record stored in `text`; raise UsageError naming `where` when it is not JSON, not this schema, or not valid."""
    schema: str = cls.SCHEMA  # type: ignore[attr-defined]
    look = [("look at the whole file:", f"python3 -m json.tool {shlex.quote(where)}")]
    try:
        data = json.loads(text, parse_constant=_refused, parse_float=_finite, parse_int=_bounded)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not JSON", code="json.syntax", why=str(error), do=look) from error
    found = data.get("schema") if isinstance(data, dict) else None
    if found != schema:
        raise UsageError(f"{where} is not a {schema} document", code="json.schema", why=f"its schema is {found!r}", do=look)
    data.pop("schema")
    try:
        return validate(cls, data, where=where)
    except UsageError as error:
        error.do = tuple(look)
        raise


def _refused(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refused(text)


def _bounded(text: str) -> int:
    return int(text) if len(text) <= _MOST_DIGITS else round(_refused(f"{text[:20]}..., of {len(text)} digits,"))


def validate(cls: type[T], data: Any, *, where: str) -> T:
    """Return `data` as an instance of dataclass `cls`; raise UsageError that names each wrong field."""
    from pydantic import ValidationError

    try:
        return _adapter(cls).validate_python(data)  # type: ignore[no-any-return, arg-type]
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:5])
        raise UsageError(f"{where} does not hold a valid {cls.__name__}", code="json.invalid", why=problems) from error


@cache
def _adapter(cls: type[Any]) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(cls)
