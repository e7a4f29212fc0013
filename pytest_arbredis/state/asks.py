"""What an operation asks of Redis, as values. An operation is a *plan*: a generator that yields asks and gets replies.

One plan serves the sync and the asyncio layer: neither knows sockets. All asks of a plan go over one connection, which
is what makes WAIT mean something. Replies are bytes, ints, lists of these, None, never decoded.

    def load(key: str) -> Plan[object]:
        raw = yield Command("GET", key)
        return None if raw is None else orjson.loads(raw)

    redis.run(load("k"), kind=Kind.FAST)             # StateRedis
    await redis.run(load("k"), kind=Kind.FAST)       # AsyncStateRedis

A reply that is an error is raised inside the plan, translated (`errors.py`), at the `yield` that asked.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pytest_arbredis.state.scripts import Script

Arg = str | bytes | int | float
"""An argument of a command, as redis-py encodes it."""

Reply = Any
"""What the server says: bytes, int, None, or a list of these."""


class Command:
    """One command. `blocks_s` is how long the server itself may hold its reply (BLMOVE, XREAD BLOCK)."""

    __slots__ = ("args", "blocks_s")

    def __init__(self, *args: Arg, blocks_s: float = 0.0) -> None:
        self.args = args
        self.blocks_s = blocks_s


class Transaction:
    """Commands between MULTI and EXEC, in one round trip: all or none. The reply is the list of theirs.

    An error inside EXEC is raised as `RejectedError` with `applied="unknown"`, unless every inner reply is a refusal.
    """

    __slots__ = ("commands",)

    def __init__(self, *commands: tuple[Arg, ...]) -> None:
        self.commands = commands


class Batch:
    """Commands in one round trip, each for itself. The reply is the list of theirs; errors stand in it as values."""

    __slots__ = ("commands",)

    def __init__(self, *commands: tuple[Arg, ...]) -> None:
        self.commands = commands


class Call:
    """A script, by its SHA-1; it is loaded and called again if the server does not know it."""

    __slots__ = ("args", "keys", "script")

    def __init__(self, script: Script, keys: tuple[str, ...] = (), args: tuple[Arg, ...] = ()) -> None:
        self.script = script
        self.keys = keys
        self.args = args


class Confirm:
    """WAIT on this connection; raises `NotConfirmedError` if fewer than `replicas` confirmed within `within_ms`."""

    __slots__ = ("replicas", "within_ms")

    def __init__(self, replicas: int, within_ms: int) -> None:
        self.replicas = replicas
        self.within_ms = within_ms


Ask = Command | Transaction | Batch | Call | Confirm

T = TypeVar("T")

Plan = Generator[Ask, Reply, T]
"""An operation: yields what it asks, gets the replies, returns its result."""
