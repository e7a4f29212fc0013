"""A metric of a symbol: `arbitrage:metrics:{env}:{symbol}:{metric_type}`, a Hash that lives a week from its last save.

The types are `pnl_realtime`, `trade_count`, `winrate` and `latency`. Fields and time to live are one transaction: no
crash and no lost reply leaves a Hash that never expires, or one of two saves.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Command, Transaction
from pytest_arbredis.state.errors import MisuseError, TooLargeError
from pytest_arbredis.state.json_value import decoded, decoded_text, encoded
from pytest_arbredis.state.keyspace.limits import MOST_FIELDS
from pytest_arbredis.state.keyspace.parts import require_part
from pytest_arbredis.state.keyspace.patterns import DAY_S, SYMBOL_METRIC

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.asks import Arg, Plan
    from pytest_arbredis.state.json_value import Json

TTL_S: Final = float(7 * DAY_S)
"""How long a metric lives, and the longest that it may."""


def save(env: str, symbol: str, metric_type: str, fields: Mapping[str, Json], *, ttl_s: float = TTL_S) -> Plan[None]:
    """All fields of a metric, each as JSON, in the place of those before; it lives `ttl_s` seconds from now."""
    key = key_of(env, symbol, metric_type)
    if not 0 < len(fields) <= MOST_FIELDS:
        raise TooLargeError(f"{len(fields)} fields for {key}", remedy=f"store 1 to {MOST_FIELDS}")
    if not (isinstance(ttl_s, int | float) and math.isfinite(ttl_s) and 0.001 <= ttl_s <= TTL_S):
        raise MisuseError(f"ttl_s={ttl_s!r}", remedy=f"give seconds, 0.001 to {TTL_S:.0f} (7 days)")
    words: list[Arg] = []
    for name, value in fields.items():
        words += [require_part("field", name), encoded(value, of=f"the field {name!r} of {key}")]
    yield Transaction(("DEL", key), ("HSET", key, *words), ("PEXPIRE", key, int(ttl_s * 1000)))


def load(env: str, symbol: str, metric_type: str) -> Plan[dict[str, Json] | None]:
    """A metric's fields as one save left them; None if there is none, or none any more."""
    key = key_of(env, symbol, metric_type)
    flat = yield Command("HGETALL", key)
    fields = {
        decoded_text(name, key=key): decoded(value, key=key) for name, value in zip(flat[::2], flat[1::2], strict=True)
    }
    return fields or None


def delete(env: str, symbol: str, metric_type: str) -> Plan[bool]:
    """Remove a metric; True if it was there."""
    return bool((yield Command("UNLINK", key_of(env, symbol, metric_type))))


def key_of(env: str, symbol: str, metric_type: str) -> str:
    """The metric's key. Raises `KeyRefusedError` that names the part."""
    return SYMBOL_METRIC.key(env=env, symbol=symbol, metric_type=metric_type)
