"""Whether a user's trading runs: `user:{user_id}:trading:status`, one of three words, without a TTL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from pytest_arbredis.state.asks import Call, Command
from pytest_arbredis.state.errors import ConflictError, CorruptedError, MisuseError
from pytest_arbredis.state.keyspace.patterns import TRADING_STATUS
from pytest_arbredis.state.scripts import Script

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan

Status = Literal["running", "stopped", "error"]

WORDS: Final[tuple[str, ...]] = get_args(Status)

TRANSITION = Script(
    "trading.transition",
    """
    local present = redis.call('GET', KEYS[1]) or ''
    if present ~= ARGV[1] then return present end
    redis.call('SET', KEYS[1], ARGV[2])
    return ARGV[1]
    """,
)
"""Sets the second word if the first is there (empty: nothing); gives what was there."""


def write(user_id: str, status: Status) -> Plan[None]:
    """Set the status, whatever it was."""
    key = TRADING_STATUS.key(user_id=user_id)
    yield Command("SET", key, _word(status))


def read(user_id: str) -> Plan[Status | None]:
    """The status, or None if none was ever set."""
    key = TRADING_STATUS.key(user_id=user_id)
    return _status((yield Command("GET", key)), key)


def move(user_id: str, *, expected: Status | None, to: Status) -> Plan[None]:
    """Set the status if it is `expected` (None: not set); else raise `ConflictError`, and leave it."""
    key = TRADING_STATUS.key(user_id=user_id)
    wanted = "" if expected is None else _word(expected)
    found = yield Call(TRANSITION, (key,), (wanted, _word(to)))
    if found.decode(errors="replace") != wanted:
        present = _status(found or None, key)
        raise ConflictError(
            f"the trading of user {user_id!r} is {present or 'not set'}, not {expected or 'not set'}",
            remedy="somebody else changed it: read it, and decide again",
        )


def _word(status: object) -> str:
    if not isinstance(status, str) or status not in WORDS:
        raise MisuseError(f"the status {status!r}", remedy=f"use one of: {', '.join(WORDS)}")
    return status


def _status(raw: bytes | None, key: str) -> Status | None:
    if raw is None:
        return None
    word = raw.decode(errors="replace")
    if word not in WORDS:
        raise CorruptedError(f"{key} holds no status", remedy=f"it must be one of: {', '.join(WORDS)}")
    return cast("Status", word)
