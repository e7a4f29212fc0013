"""A user's settings (JSON), preferences and statistics (Hashes), and what an exchange has: defaults, users."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Command, Transaction
from pytest_arbredis.state.errors import CorruptedError, MisuseError, TooLargeError
from pytest_arbredis.state.json_value import decoded, decoded_object, decoded_text, encoded
from pytest_arbredis.state.keyspace.parts import require_part
from pytest_arbredis.state.keyspace.patterns import (
    DEFAULT_SETTINGS,
    EXCHANGE_USER,
    PREFERENCES,
    SETTINGS,
    STATS,
    USER_IDS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_arbredis.state.asks import Arg, Plan
    from pytest_arbredis.state.json_value import Json

MOST_FIELDS: Final = 999
"""Fields of a Hash (design 1: fewer than 1000)."""


def write_settings(user_id: str, settings: Mapping[str, Json], *, ttl_s: float | None = None) -> Plan[None]:
    """A user's settings, in the place of those before. Without `ttl_s` (seconds) they stay, also if others had one."""
    key = SETTINGS.key(user_id=user_id)
    raw = encoded(settings, of=f"the settings of user {user_id!r}")
    if ttl_s is None:
        yield Command("SET", key, raw)
        return
    if not (math.isfinite(ttl_s) and ttl_s >= 0.001):
        raise MisuseError(f"ttl_s={ttl_s!r}", remedy="give seconds, 0.001 or more, or None")
    yield Command("SET", key, raw, "PX", int(ttl_s * 1000))


def read_settings(user_id: str) -> Plan[dict[str, Json] | None]:
    """A user's settings, or None if there are none."""
    key = SETTINGS.key(user_id=user_id)
    raw = yield Command("GET", key)
    return None if raw is None else decoded_object(raw, key=key)


def write_preferences(user_id: str, preferences: Mapping[str, Json]) -> Plan[None]:
    """All of a user's preferences, each as JSON, in the place of those before."""
    yield from _replace(PREFERENCES.key(user_id=user_id), preferences)


def read_preferences(user_id: str) -> Plan[dict[str, Json]]:
    """A user's preferences; empty if there are none."""
    return (yield from _all(PREFERENCES.key(user_id=user_id)))


def count(user_id: str, name: str, amount: int = 1) -> Plan[int]:
    """Add to one of a user's statistics, which begin at 0; gives the sum. Never repeated by the layer."""
    key = STATS.key(user_id=user_id)
    if type(amount) is not int:
        raise MisuseError(f"an amount of {amount!r}", remedy="statistics count in whole numbers")
    return int((yield Command("HINCRBY", key, require_part("field", name), amount)))


def read_stats(user_id: str) -> Plan[dict[str, int]]:
    """A user's statistics; empty if there are none."""
    key = STATS.key(user_id=user_id)
    flat = yield Command("HGETALL", key)
    try:
        return {name.decode(): int(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}
    except (UnicodeDecodeError, ValueError):
        raise CorruptedError(f"{key} has a field that is no whole number", remedy="somebody else wrote it") from None


def write_default_settings(exchange: str, settings: Mapping[str, Json]) -> Plan[None]:
    """All default settings of an exchange, each as JSON, in the place of those before."""
    yield from _replace(DEFAULT_SETTINGS.key(exchange=exchange), settings)


def read_default_settings(exchange: str) -> Plan[dict[str, Json]]:
    """The default settings of an exchange; empty if there are none."""
    return (yield from _all(DEFAULT_SETTINGS.key(exchange=exchange)))


def add_users(exchange: str, user_ids: Iterable[str]) -> Plan[int]:
    """Add users to an exchange; how many were new."""
    return (yield from _members("SADD", exchange, user_ids))


def remove_users(exchange: str, user_ids: Iterable[str]) -> Plan[int]:
    """Remove users from an exchange; how many were there."""
    return (yield from _members("SREM", exchange, user_ids))


def read_users(exchange: str) -> Plan[frozenset[str]]:
    """The users of an exchange."""
    key = USER_IDS.key(exchange=exchange)
    found = yield Command("SMEMBERS", key)
    return frozenset(decoded_text(one, key=key) for one in found)


def write_item(exchange: str, user_id: str, path: tuple[str, ...], value: Json) -> Plan[None]:
    """Something of a user at an exchange, as JSON: `{exchange}:user:{user_id}:{path…}`."""
    key = EXCHANGE_USER.key(*path, exchange=exchange, user_id=user_id)
    yield Command("SET", key, encoded(value, of=key))


def read_item(exchange: str, user_id: str, path: tuple[str, ...]) -> Plan[Json]:
    """What `write_item` wrote; None if there is nothing."""
    key = EXCHANGE_USER.key(*path, exchange=exchange, user_id=user_id)
    raw = yield Command("GET", key)
    return None if raw is None else decoded(raw, key=key)


def _members(command: str, exchange: str, user_ids: Iterable[str]) -> Plan[int]:
    members = [require_part("user_id", user_id) for user_id in user_ids]
    if not members:
        return 0
    return int((yield Command(command, USER_IDS.key(exchange=exchange), *members)))


def _replace(key: str, fields: Mapping[str, Json]) -> Plan[None]:
    if len(fields) > MOST_FIELDS:
        raise TooLargeError(f"{len(fields)} fields for {key}", remedy=f"store at most {MOST_FIELDS}")
    words: list[Arg] = []
    for name, value in fields.items():
        words += [require_part("field", name), encoded(value, of=f"the field {name!r} of {key}")]
    yield Transaction(("DEL", key), *((("HSET", key, *words),) if words else ()))


def _all(key: str) -> Plan[dict[str, Json]]:
    flat = yield Command("HGETALL", key)
    return {
        decoded_text(name, key=key): decoded(value, key=key) for name, value in zip(flat[::2], flat[1::2], strict=True)
    }
