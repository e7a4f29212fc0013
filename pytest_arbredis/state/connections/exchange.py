"""One ask over one connection: what is sent, what the replies mean, and whether anything took effect."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import redis

from pytest_arbredis.state.asks import Batch, Call, Command, Confirm, Transaction
from pytest_arbredis.state.connections.commands import name_of
from pytest_arbredis.state.connections.translation import ABORTED, reply_error, word_of
from pytest_arbredis.state.errors import ConflictError, NotConfirmedError, RejectedError, ServerRefusedError, StateError

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Arg, Ask, Reply
    from pytest_arbredis.state.connections.backend import Wire

_MULTI: Final = (("MULTI",),)
_EXEC: Final = (("EXEC",),)
_SCRIPTED: Final = frozenset({"EVAL", "EVALSHA", "FCALL"})


async def exchange(wire: Wire, ask: Ask, expires_ns: int) -> Reply:
    """The reply to `ask`; raises the `StateError` that it is, or that ended the connection."""
    kind = type(ask)
    if kind is Command:
        return await _command(wire, ask, expires_ns)  # type: ignore[arg-type]
    if kind is Call:
        return await _call(wire, ask, expires_ns)  # type: ignore[arg-type]
    if kind is Transaction:
        return await _transaction(wire, ask, expires_ns)  # type: ignore[arg-type]
    if kind is Confirm:
        return await _confirm(wire, ask, expires_ns)  # type: ignore[arg-type]
    return await _batch(wire, ask, expires_ns)  # type: ignore[arg-type]


async def _command(wire: Wire, ask: Command, expires_ns: int) -> Reply:
    (reply,) = await wire.round((ask.args,), 1, expires_ns)
    if isinstance(reply, redis.ResponseError):
        raise _error_of(ask.args, reply)
    return reply


async def _batch(wire: Wire, ask: Batch, expires_ns: int) -> Reply:
    if not ask.commands:
        return []
    replies = await wire.round(ask.commands, len(ask.commands), expires_ns)
    return [
        _error_of(args, reply) if isinstance(reply, redis.ResponseError) else reply
        for args, reply in zip(ask.commands, replies, strict=True)
    ]


async def _call(wire: Wire, ask: Call, expires_ns: int) -> Reply:
    called = ("EVALSHA", ask.script.sha, len(ask.keys), *ask.keys, *ask.args)
    (reply,) = await wire.round((called,), 1, expires_ns)
    if _is_unknown(reply):
        loaded, reply = await wire.round((("SCRIPT", "LOAD", ask.script.source), called), 2, expires_ns)
        if isinstance(loaded, redis.ResponseError) and _is_unknown(reply):  # or somebody else loaded it meanwhile
            raise reply_error(loaded)
    if isinstance(reply, redis.ResponseError):
        raise _of_script(reply)
    return reply


def _is_unknown(reply: Reply) -> bool:
    """Whether the server does not know the script that was called."""
    return isinstance(reply, redis.ResponseError) and word_of(reply) == "NOSCRIPT"


def _error_of(args: tuple[Arg, ...], reply: redis.ResponseError) -> StateError:
    """The error that a command was answered by; a script's own may come after it has written."""
    return _of_script(reply) if name_of(args) in _SCRIPTED else reply_error(reply)


def _of_script(reply: redis.ResponseError) -> StateError:
    """Redis refuses a script's first write or none (6.2 to 8): such words are certain. Others come from inside."""
    error = reply_error(reply)
    if not isinstance(error, ServerRefusedError) and word_of(reply) not in {"NOSCRIPT", "NOAUTH"}:
        error.applied = "unknown"
    return error


async def _transaction(wire: Wire, ask: Transaction, expires_ns: int) -> Reply:
    # An empty one is sent too: its EXEC says whether what was watched has changed, and ends the watch.
    replies = await wire.round((*_MULTI, *ask.commands, *_EXEC), len(ask.commands) + 2, expires_ns)
    done = replies[-1]
    refused = [reply for reply in replies[:-1] if isinstance(reply, redis.ResponseError)]
    if isinstance(done, redis.ResponseError):
        error = reply_error(refused[0] if refused else done)
        if not str(done).startswith(ABORTED) and len(refused) < len(replies) - 1:
            error.applied = "unknown"  # MULTI itself was refused: commands may have run on their own
        raise error
    if done is None:
        raise ConflictError("a watched key changed meanwhile: nothing was written", remedy="read it, and try again")
    return _results(ask, done)


def _results(ask: Transaction, results: list[Any]) -> list[Reply]:
    """What EXEC gives, unless a command of it failed: the others took effect all the same."""
    failed = [
        _error_of(args, result)
        for args, result in zip(ask.commands, results, strict=True)
        if isinstance(result, redis.ResponseError)
    ]
    if not failed:
        return results
    first = failed[0]
    if len(failed) == len(results):
        if any(error.applied != "no" for error in failed):
            first.applied = "unknown"
        raise first
    raise RejectedError(
        f"{len(failed)} of {len(results)} commands of a transaction failed, the others took effect; the first: "
        f"{first.cause}",
        remedy="read back what was asked",
        applied="unknown",
    )


async def _confirm(wire: Wire, ask: Confirm, expires_ns: int) -> Reply:
    # WAIT 0 would wait for ever; and it must not outlive the call.
    left_ms = (expires_ns - time.monotonic_ns()) // 1_000_000
    within_ms = max(1, min(ask.within_ms, int(left_ms * 0.9)))
    (reply,) = await wire.round((("WAIT", ask.replicas, within_ms),), 1, expires_ns)
    if isinstance(reply, redis.ResponseError):
        if word_of(reply) != "UNBLOCKED" and "replica" not in str(reply):
            raise reply_error(reply)
        reply = 0  # it was demoted: what was written before stays unconfirmed
    if reply < ask.replicas:
        raise NotConfirmedError(
            f"{reply} of {ask.replicas} replicas confirmed the write in {within_ms} ms",
            remedy="it is applied, and may be lost at a failover",
            confirmed=int(reply),
            wanted=ask.replicas,
        )
    return int(reply)
