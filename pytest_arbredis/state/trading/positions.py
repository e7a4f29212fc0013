"""Saving, reading, changing, closing a position: one step each, and only on the version that was read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Call, Command
from pytest_arbredis.state.errors import ConflictError, MisuseError
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.scripts import Script
from pytest_arbredis.state.trading.position import VERSION, Position, fields_of, keys_of, parsed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.state.asks import Confirm, Plan

CHANGES: Final = 100
"""How often a change begins again because somebody else was faster."""

LOAD = Script(
    "position.load",
    """
    local found = {redis.call('HGETALL', KEYS[1])}
    for at = 2, 4 do found[at] = redis.call('GET', KEYS[at]) end
    return found
    """,
)
"""The four keys at one moment. A MULTI would do, but a full server refuses whatever is queued, reads too."""

SAVE = Script(
    "position.save",
    """
    local present = tonumber(redis.call('HGET', KEYS[1], '_version') or '0')
    if ARGV[1] ~= '' and present ~= tonumber(ARGV[1]) then return {0, string.format('%.0f', present)} end
    local now = redis.call('TIME')
    local version = string.format('%.0f', math.max(present + 1, now[1] * 1000000 + now[2]))
    redis.call('SET', KEYS[2], ARGV[2])
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], '_version', version, unpack(ARGV, 5))
    redis.call('SET', KEYS[3], ARGV[3])
    redis.call('SET', KEYS[4], ARGV[4])
    return {1, version}
    """,
)
"""Writes all four keys if the version is still ARGV[1] (empty: whatever it is); 1 and the new one, or 0 and what is.

Its first write is one that a full server refuses (a DEL is not): then nothing has been written."""

CLOSE = Script(
    "position.close",
    """
    local present = tonumber(redis.call('HGET', KEYS[1], '_version') or '0')
    if present ~= tonumber(ARGV[1]) then return {0, string.format('%.0f', present)} end
    redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
    if redis.call('EXISTS', KEYS[5]) == 0 then redis.call('DEL', KEYS[4]) end
    return {1, ARGV[1]}
    """,
)
"""Removes a side if the version is still ARGV[1]; the symbol's state too, unless the other side (KEYS[5]) is open."""


def load(user_id: str, symbol: str, side: str, *, without: Without = NONE) -> Plan[Position | None]:
    """The position as one save left it, or None; `CorruptedError` where something else lies there."""
    keys = keys_of(user_id, symbol, side)
    if "one-transaction" in without:
        flat = yield Command("HGETALL", keys[0])
        dca = yield Command("GET", keys[1])
        price = yield Command("GET", keys[2])
        state = yield Command("GET", keys[3])
    else:
        flat, dca, price, state = yield Call(LOAD, keys)
    return parsed(flat, (dca, price, state), user_id=user_id, symbol=symbol, side=side)


def save(
    user_id: str, position: Position, *, confirm: Confirm | None = None, without: Without = NONE
) -> Plan[Position]:
    """Store a position, if what is stored still has its version; gives it with its new version.

    Raises `ConflictError`, and changes nothing, if somebody else has saved or closed it since it was read. With
    `confirm` it raises `NotConfirmedError` if too few replicas have it in time: it is saved then, and may be lost.
    """
    keys = keys_of(user_id, position.symbol, position.side)
    beside = (position.dca_count, str(position.entry_price), position.state)
    expected = "" if "version" in without else position.version
    if "one-transaction" in without:
        saved = yield from _save_one_by_one(keys, position, expected)
        if confirm is not None:
            yield confirm
        return saved
    done, version = yield Call(SAVE, keys, (expected, *beside, *fields_of(position)))
    if not done:
        raise _conflict(user_id, position, version)
    if confirm is not None:
        yield confirm
    return replace(position, version=int(version))


def change(
    user_id: str,
    symbol: str,
    side: str,
    how: Callable[[Position | None], Position],
    *,
    confirm: Confirm | None = None,
    without: Without = NONE,
) -> Plan[Position]:
    """Read the position, let `how` make another of it, and save that; again if somebody else was faster.

    `how` may be called several times, and must do nothing else. Raises `ConflictError`, with nothing changed, if it
    lost the race `CHANGES` times.
    """
    for _ in range(CHANGES):
        found = yield from load(user_id, symbol, side, without=without)
        made = how(found)
        if (made.symbol, made.side) != (symbol, side):
            raise MisuseError(
                f"the change of {symbol} {side} gave {made.symbol} {made.side}", remedy="change what is given"
            )
        wanted = replace(made, version=found.version if found else 0)
        try:
            return (yield from save(user_id, wanted, confirm=confirm, without=without))
        except ConflictError:
            continue
    raise ConflictError(
        f"the position {symbol} {side} of user {user_id!r} was changed by others {CHANGES} times in a row",
        remedy="have fewer writers change one position",
    )


def close(user_id: str, position: Position, *, confirm: Confirm | None = None) -> Plan[None]:
    """Remove a position, if what is stored still has its version; else `ConflictError`, and nothing is removed."""
    keys = keys_of(user_id, position.symbol, position.side)
    other = keys_of(user_id, position.symbol, "short" if position.side == "long" else "long")[0]
    done, version = yield Call(CLOSE, (*keys, other), (position.version,))
    if not done:
        raise _conflict(user_id, position, version)
    if confirm is not None:
        yield confirm


def _save_one_by_one(keys: tuple[str, ...], position: Position, expected: int | str) -> Plan[Position]:
    """The same, each key for itself."""
    present = int((yield Command("HGET", keys[0], VERSION)) or 0)
    if expected not in {"", present}:
        raise ConflictError(f"{keys[0]} has version {present}, not {expected}")
    yield Command("HSET", keys[0], VERSION, present + 1, *fields_of(position))
    yield Command("SET", keys[1], position.dca_count)
    yield Command("SET", keys[2], str(position.entry_price))
    yield Command("SET", keys[3], position.state)
    return replace(position, version=present + 1)


def _conflict(user_id: str, position: Position, version: bytes) -> ConflictError:
    there = int(version)
    found = f"has version {there}" if there else "is not stored"
    return ConflictError(
        f"the position {position.symbol} {position.side} of user {user_id!r} {found}, not {position.version}",
        remedy="somebody else saved or closed it: read it, and decide again",
    )
