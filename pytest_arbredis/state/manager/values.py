"""What may be kept: the metrics by name, numbers, times to live, and the fields of a position."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import orjson

from pytest_arbredis.state.errors import CorruptedError, MisuseError, TooLargeError
from pytest_arbredis.state.json_value import encoded
from pytest_arbredis.state.keyspace.parts import require_part

if TYPE_CHECKING:
    from collections.abc import Mapping

Number = int | float

METRICS: Final = (
    "trades_total",
    "trades_today",
    "safety_violations_total",
    "circuit_breaker_triggers_total",
    "last_heartbeat",
    "total_balance",
    "available_balance",
    "total_position_value",
)
"""The fields of the metrics. Each is a number; `last_heartbeat` is in seconds since 1970."""

RESERVED: Final = "_"
"""How fields begin that are the manager's own: versions, and times of writes."""

SHORTEST_TTL_S: Final = 300
LONGEST_TTL_S: Final = 86_400
MOST_FIELDS: Final = 999
MOST: Final = 2**63 - 1
"""The largest count that Redis adds up."""


def require_metrics(values: Mapping[str, Number]) -> dict[str, Number]:
    """`values`, if each is a finite number of a known metric."""
    if not values:
        raise MisuseError("no metrics to set", remedy=f"give some of: {', '.join(METRICS)}")
    for name, value in values.items():
        if name not in METRICS:
            raise MisuseError(f"no metric is called {name!r}", remedy=f"use one of: {', '.join(METRICS)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise MisuseError(f"the metric {name} is {value!r}", remedy="give a finite number")
        if isinstance(value, int) and abs(value) > MOST:
            raise MisuseError(f"the metric {name} is {value!r}", remedy="give a number of at most 63 bits")
    return dict(values)


def require_ttl(ttl_s: float) -> int:
    """`ttl_s` in milliseconds, if it is from 5 minutes to 24 hours."""
    if isinstance(ttl_s, bool) or not isinstance(ttl_s, int | float) or not SHORTEST_TTL_S <= ttl_s <= LONGEST_TTL_S:
        raise MisuseError(f"a time to live of {ttl_s!r} seconds", remedy="use 300 (5 minutes) to 86400 (24 hours)")
    return int(ttl_s * 1000)


def require_count(by: int) -> int:
    """`by`, if it is a whole number that Redis can add."""
    if type(by) is not int or abs(by) > MOST:
        raise MisuseError(f"a statistic incremented by {by!r}", remedy="give a whole number of at most 63 bits")
    return by


def require_field(name: str) -> str:
    """`name` as the name of a statistic."""
    require_part("stat", name)
    if name.startswith(RESERVED):
        raise MisuseError(f"a statistic called {name!r}", remedy="names that begin with _ are the manager's own")
    return name


def require_position(fields: Mapping[str, object]) -> dict[str, bytes]:
    """The fields of a position, each as JSON."""
    if not fields or len(fields) > MOST_FIELDS:
        raise TooLargeError(f"a position of {len(fields)} fields", remedy=f"use 1 to {MOST_FIELDS}")
    said: dict[str, bytes] = {}
    for name, value in fields.items():
        require_part("field", name)
        if name.startswith(RESERVED):
            raise MisuseError(f"a field called {name!r}", remedy="names that begin with _ are the manager's own")
        said[name] = encoded(value, of=f"the field {name} of a position")
    return said


def number_of(raw: bytes, where: str) -> Number:
    """A number as it lies in Redis; raises `CorruptedError`."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CorruptedError(f"{where} is no number", remedy="something else writes there")
    return value


def fields_of(raw: list[bytes], where: str) -> dict[str, object]:
    """The fields of a position as they lie in Redis, without the manager's own; raises `CorruptedError`."""
    found: dict[str, object] = {}
    for name, value in zip(raw[::2], raw[1::2], strict=True):
        if name.startswith(RESERVED.encode()):
            continue
        try:
            found[name.decode()] = orjson.loads(value)
        except (orjson.JSONDecodeError, UnicodeDecodeError) as error:
            raise CorruptedError(f"{where} has a field {name!r} that is no JSON", remedy="mend or delete it") from error
    return found


def own_field(raw: list[bytes], name: str) -> bytes | None:
    """One of the manager's own fields of a Hash, as HGETALL gave it."""
    wanted = name.encode()
    for found, value in zip(raw[::2], raw[1::2], strict=True):
        if found == wanted:
            return value
    return None
