"""The first round trip of a connection: who we are, which database, and whether it is the server that we want."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis

from pytest_arbredis.state.connections.addresses import told
from pytest_arbredis.state.connections.eviction import ASKED, refuse_eviction_if_told
from pytest_arbredis.state.connections.translation import reply_error
from pytest_arbredis.state.errors import (
    ConnectionLostError,
    DeadlineExceededError,
    StateError,
    UnknownPrimaryError,
    UnreachableError,
)

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Arg, Reply
    from pytest_arbredis.state.connections.backend import Wire
    from pytest_arbredis.state.connections.settings import Settings


async def introduce(wire: Wire, settings: Settings, expires_ns: int, *, primary: bool, policy: bool) -> None:
    """Log in and choose the database; with `primary` it must say that it is one, with `policy` keep what it is given.

    Raises a `StateError` whose `applied` is "no": nothing of the caller's was sent yet.
    """
    rounds: list[tuple[str, tuple[Arg, ...]]] = []
    if settings.password is not None:
        who = () if settings.username is None else (settings.username,)
        rounds.append(("login", ("AUTH", *who, settings.password)))
    if settings.client_name:
        rounds.append(("name", ("CLIENT", "SETNAME", settings.client_name)))
    if settings.db:
        rounds.append(("database", ("SELECT", settings.db)))
    if primary:
        rounds.append(("role", ("ROLE",)))
    if policy:
        rounds.append(("policy", ASKED))
    if not rounds:
        return
    replies = await before_anything(wire, [command for _, command in rounds], expires_ns)
    for (what, _), reply in zip(rounds, replies, strict=True):
        if what == "policy" and not _loading(reply):
            refuse_eviction_if_told(reply, told(wire.address))
        elif isinstance(reply, redis.ResponseError):
            raise reply_error(reply)
        elif what == "role" and reply[0] != b"master":
            role = bytes(reply[0]).decode(errors="replace")
            raise UnknownPrimaryError(f"{told(wire.address)} says it is a {role}", remedy="wait for the failover")


def _loading(reply: object) -> bool:
    return isinstance(reply, redis.ResponseError) and str(reply).startswith("LOADING")


async def before_anything(wire: Wire, commands: list[tuple[Arg, ...]], expires_ns: int) -> list[Reply]:
    """A round of the layer's own commands: what goes wrong there leaves nothing of the caller's applied."""
    try:
        return await wire.round(commands, len(commands), expires_ns)
    except DeadlineExceededError as error:
        raise DeadlineExceededError(
            f"{told(wire.address)} did not answer in time when connecting",
            remedy="is it overloaded, or does it want TLS?",
            applied="no",
        ) from error
    except ConnectionLostError as error:
        raise UnreachableError(f"{told(wire.address)} closed the new connection", remedy="is it up?") from error
    except StateError:
        raise
