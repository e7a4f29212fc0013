"""The one table that says what an error means for the operation: applied, not applied, or not to be known.

A row judges one attempt; the outcome of an operation is a join over its attempts. A refusal is certain only if nothing
was sent before it, and nothing at all is certain where attempts cannot be counted. What the table does not list is the
caller's to raise: it is never guessed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

import redis.exceptions
import redis.sentinel

from pytest_arbredis.load.protocol import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.records import Outcome


class Attempt(Enum):
    """What an error says of the attempt that it ended."""

    REFUSED = "refused"
    """The server answered, and did not apply it."""
    NOTHING_SENT = "nothing sent"
    """This attempt sent nothing; an earlier one may have."""
    NO_REPLY = "no reply"
    """It may have been applied, or may still be, at any time."""
    PARTLY = "partly applied"
    """An error inside a transaction or script: what stands beside it may be applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: errors of class `error` for which `when` holds."""

    name: str
    error: type[BaseException]
    attempt: Attempt
    reason: str
    when: Callable[[BaseException], bool] = lambda _: True

    def matches(self, error: BaseException) -> bool:
        """Whether this row speaks of `error`; the first row that does decides."""
        return isinstance(error, self.error) and self.when(error)


def classify(error: BaseException, *, attempts: int | None) -> Outcome | None:
    """The outcome of an operation that raised `error` after `attempts` sends; None if the table does not list it."""
    row = row_of(error)
    if row is None:
        return None
    if attempts == 0 and row.attempt is not Attempt.PARTLY:
        return "fail"
    if attempts == 1 and row.attempt is Attempt.REFUSED:
        return "fail"
    return "unknown"


def row_of(error: BaseException) -> Row | None:
    """The row that speaks of `error`, or None."""
    return next((row for row in TABLE if row.matches(error)), None)


def outcome_of(answer: object) -> Outcome:
    """The outcome of an operation that was answered: as the subject itself judges it, if it does.

    Unknown if fewer replicas confirmed it than were asked for.
    """
    if isinstance(answer, Answer) and answer.outcome in {"fail", "unknown"}:
        return answer.outcome
    if isinstance(answer, Answer) and answer.confirmed is not None and answer.confirmed < (answer.wanted or 0):
        return "unknown"
    return "ok"


def _says(*prefixes: str) -> Callable[[BaseException], bool]:
    return lambda error: str(error).startswith(prefixes)


def _word(word: str) -> Callable[[BaseException], bool]:
    return lambda error: str(error).split(" ", 1)[0] == word


def _demoted(error: BaseException) -> bool:
    return isinstance(error.__context__, redis.exceptions.ReadOnlyError)


def _inside(error: BaseException) -> bool:
    text = str(error)
    return "of pipeline caused error" in text or "@user_script" in text or "@user_function" in text


def _lost_while_watching(error: BaseException) -> bool:
    return "while watching" in str(error)


def _refused(name: str, reason: str, *words: str) -> list[Row]:
    """Rows for a refusal: by redis-py's class, and by the first word where this redis-py has no class for it."""
    rows = [
        Row(name=word, error=redis.exceptions.ResponseError, attempt=Attempt.REFUSED, reason=reason, when=_word(word))
        for word in words
    ]
    return _of(name, Attempt.REFUSED, reason) + rows if name else rows


def _of(name: str, attempt: Attempt, reason: str) -> list[Row]:
    """A row for a class of redis-py, or none where this version does not have it."""
    error = getattr(redis.exceptions, name, None) or getattr(redis.sentinel, name, None)
    return [] if error is None else [Row(name=name, error=error, attempt=attempt, reason=reason)]


_RE = redis.exceptions

TABLE: Final[tuple[Row, ...]] = (
    # Composites first: redis-py keeps the inner error's class.
    Row(
        name="error inside EXEC or a script",
        error=_RE.ResponseError,
        attempt=Attempt.PARTLY,
        reason="the commands beside the one that failed are applied",
        when=_inside,
    ),
    Row(
        name="connection lost while watching",
        error=_RE.WatchError,
        attempt=Attempt.NO_REPLY,
        reason="redis-py reports a reply of EXEC that was lost as a WatchError",
        when=_lost_while_watching,
    ),
    *_of("WatchError", Attempt.REFUSED, "EXEC answered null: the transaction was not executed"),
    # Refusals that redis-py makes connection errors.
    *_of("BusyLoadingError", Attempt.REFUSED, "LOADING: the server is still reading its data"),
    Row(
        name="The previous master is now a slave",
        error=_RE.ConnectionError,
        attempt=Attempt.REFUSED,
        reason="READONLY, as redis-py's Sentinel connection reports it",
        when=_demoted,
    ),
    Row(
        name="max number of clients reached",
        error=_RE.ConnectionError,
        attempt=Attempt.REFUSED,
        reason="the server closed the connection without reading from it",
        when=_says("max number of clients reached", "ERR max number of clients reached"),
    ),
    *_of("AuthenticationError", Attempt.REFUSED, "NOAUTH, WRONGPASS: not executed without authentication"),
    *_of("AuthorizationError", Attempt.REFUSED, "not executed without authorization"),
    # Nothing sent.
    *_of("MasterNotFoundError", Attempt.NOTHING_SENT, "no Sentinel named a primary"),
    *_of("SlaveNotFoundError", Attempt.NOTHING_SENT, "no Sentinel named a replica"),
    *_of("MaxConnectionsError", Attempt.NOTHING_SENT, "the pool is exhausted"),
    Row(
        name="Too many connections",
        error=_RE.ConnectionError,
        attempt=Attempt.NOTHING_SENT,
        reason="the pool is exhausted (redis-py before MaxConnectionsError)",
        when=_says("Too many connections", "No connection available"),
    ),
    *_of("ExternalAuthProviderError", Attempt.NOTHING_SENT, "no credentials to connect with"),
    *_of("DataError", Attempt.NOTHING_SENT, "the arguments cannot be encoded"),
    # Refusals.
    *_refused("ReadOnlyError", "a replica, or a demoted primary, does not write", "READONLY"),
    *_refused("MasterDownError", "replica-serve-stale-data is no, and the link to the primary is down", "MASTERDOWN"),
    *_refused("OutOfMemoryError", "maxmemory under noeviction: denied before it is executed", "OOM"),
    *_refused("NoScriptError", "the script is not there", "NOSCRIPT"),
    *_refused("NoPermissionError", "denied by the ACL before it is executed", "NOPERM"),
    *_refused("ExecAbortError", "the whole transaction was discarded when it was queued", "EXECABORT"),
    *_refused("", "the server is still reading its data", "LOADING"),
    *_refused("", "not executed without authentication", "NOAUTH", "WRONGPASS"),
    *_refused("", "a key of another type: nothing is changed", "WRONGTYPE"),
    *_refused("", "snapshots fail and stop-writes-on-bgsave-error is set: denied before it is executed", "MISCONF"),
    *_refused("", "fewer good replicas than min-replicas-to-write: denied before it is executed", "NOREPLICAS"),
    *_refused("", "a script is running: denied before it is executed", "BUSY"),
    *_refused("", "a failover is in progress (Sentinel)", "INPROG"),
    *_refused("", "no replica to promote (Sentinel)", "NOGOODSLAVE"),
    *_refused("", "a blocking pop was ended by a demotion: nothing was popped", "UNBLOCKED"),
    # No reply.
    *_of("InvalidResponse", Attempt.NO_REPLY, "what was read is not RESP: the reply is not to be known"),
    *_of("TimeoutError", Attempt.NO_REPLY, "the reply did not come in time; the command may still be executed"),
    Row(
        name="CancelledError",
        error=asyncio.CancelledError,
        attempt=Attempt.NO_REPLY,
        reason="the caller gave up; the command may still be executed",
    ),
    Row(
        name="ConnectionRefusedError",
        error=ConnectionRefusedError,
        attempt=Attempt.NOTHING_SENT,
        reason="nobody listens there",
    ),
    Row(
        name="builtin TimeoutError",
        error=TimeoutError,
        attempt=Attempt.NO_REPLY,
        reason="a socket's time-out: the command may still be executed",
    ),
    Row(
        name="builtin ConnectionError",
        error=ConnectionError,
        attempt=Attempt.NO_REPLY,
        reason="reset or closed: after sending, the command may be executed",
    ),
    Row(
        name="EOFError",
        error=EOFError,
        attempt=Attempt.NO_REPLY,
        reason="the connection ended without a reply",
    ),
    *_of("ConnectionError", Attempt.NO_REPLY, "lost or not made: after sending, the command may be executed"),
)
