"""The one table that says what an error means for the operation: applied, not applied, or not to be known.

A row judges one attempt; the outcome of an operation is a join over its attempts. A refusal is certain only if nothing
was sent before it, and nothing at all is certain where attempts cannot be counted. Of a pipeline or a transaction a
refusal is certain only if it speaks of all its commands. What the table does not list is the caller's to raise: it is
never guessed (`raised_again.py` says of each class of redis-py why).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

import redis.asyncio.sentinel
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
    """One row: errors of class `error` for which `when` holds; `whole` ones speak of every command that was sent."""

    name: str
    error: type[BaseException]
    attempt: Attempt
    reason: str
    when: Callable[[BaseException], bool] = lambda _: True
    whole: bool = False

    def matches(self, error: BaseException) -> bool:
        """Whether this row speaks of `error`; the first row that does decides."""
        return isinstance(error, self.error) and self.when(error)


def classify(error: BaseException, *, attempts: int | None, commands: int | None = None) -> Outcome | None:
    """The outcome of an operation that raised `error` after `attempts` sends; None if the table does not list it.

    `commands` is how many a pipeline or a transaction had, None for anything else. Of a group of errors every one must
    be listed, and its outcome is certain only if that of every one is.
    """
    if isinstance(error, BaseExceptionGroup):
        outcomes = {classify(one, attempts=attempts, commands=commands) for one in error.exceptions}
        return None if None in outcomes else "fail" if outcomes == {"fail"} else "unknown"
    row = row_of(error, commands=commands)
    if row is None:
        return None
    if attempts == 0 and row.attempt is not Attempt.PARTLY:
        return "fail"
    if attempts == 1 and row.attempt is Attempt.REFUSED and (row.whole or commands in {None, 1}):
        return "fail"
    return "unknown"


def row_of(error: BaseException, *, commands: int | None = None) -> Row | None:
    """The row that speaks of `error`, or None. Of a pipeline of one command the error in it is judged."""
    rows = [row for row in TABLE if row.matches(error)]
    if commands == 1 and len(rows) > 1 and rows[0] is IN_PIPELINE:
        return rows[1]
    return rows[0] if rows else None


def outcome_of(answer: object) -> Outcome:
    """The outcome of an operation that was answered: as the subject itself judges it, if it does.

    Unknown if fewer replicas confirmed it than were asked for.
    """
    if isinstance(answer, Answer) and answer.outcome in {"fail", "unknown"}:
        return answer.outcome
    if isinstance(answer, Answer) and answer.confirmed is not None and answer.confirmed < (answer.wanted or 0):
        return "unknown"
    return "ok"


_PLACE = re.compile(r"Command # \d+ \(.*\) of pipeline caused error: (\([\"'])?", re.DOTALL)
"""What redis-py writes before an error in a pipeline (asyncio: before a tuple of it); the word stands behind it."""


def _said(error: BaseException) -> str:
    return _PLACE.sub("", str(error), count=1)


def _says(*prefixes: str) -> Callable[[BaseException], bool]:
    return lambda error: _said(error).startswith(prefixes)


def _word(word: str) -> Callable[[BaseException], bool]:
    return lambda error: _said(error).split(" ", 1)[0] == word


def _demoted(error: BaseException) -> bool:
    return isinstance(error.__context__, redis.exceptions.ReadOnlyError)


def _in_pipeline(error: BaseException) -> bool:
    return _PLACE.search(str(error)) is not None


def _discarded(error: BaseException) -> bool:
    """Raised in place of EXECABORT: what a command was told when it was queued."""
    return _in_pipeline(error) and isinstance(error.__context__, redis.exceptions.ExecAbortError)


def _in_script(error: BaseException) -> bool:
    text = str(error)
    return "@user_script" in text or "@user_function" in text


def _lost_while_watching(error: BaseException) -> bool:
    return "while watching" in str(error)


def _refused(name: str, reason: str, *words: str, whole: bool = False) -> list[Row]:
    """Rows for a refusal: by redis-py's class, and by the first word where this redis-py has no class for it."""
    error, refused = redis.exceptions.ResponseError, Attempt.REFUSED
    rows = [
        Row(name=word, error=error, attempt=refused, reason=reason, when=_word(word), whole=whole) for word in words
    ]
    return _of(name, refused, reason, whole=whole) + rows if name else rows


def _of(name: str, attempt: Attempt, reason: str, *, whole: bool = False) -> list[Row]:
    """A row for each class of redis-py with that name: two for Sentinel's, none where this version has none."""
    homes = (redis.exceptions, redis.sentinel, redis.asyncio.sentinel)
    classes = dict.fromkeys(vars(home)[name] for home in homes if name in vars(home))
    return [Row(name=name, error=one, attempt=attempt, reason=reason, whole=whole) for one in classes]


_RE = redis.exceptions

IN_PIPELINE: Final = Row(
    name="error inside EXEC or a pipeline",
    error=_RE.ResponseError,
    attempt=Attempt.PARTLY,
    reason="the commands beside the one that failed are applied",
    when=_in_pipeline,
)

TABLE: Final[tuple[Row, ...]] = (
    # Composites first: redis-py keeps the inner error's class.
    Row(
        name="error inside a script",
        error=_RE.ResponseError,
        attempt=Attempt.PARTLY,
        reason="what the script wrote before stands",
        when=_in_script,
    ),
    Row(
        name="refused when it was queued",
        error=_RE.ResponseError,
        attempt=Attempt.REFUSED,
        reason="EXECABORT: the whole transaction was discarded; redis-py raises the refusal that caused it",
        when=_discarded,
        whole=True,
    ),
    IN_PIPELINE,
    Row(
        name="Wrong number of response items",
        error=_RE.ResponseError,
        attempt=Attempt.PARTLY,
        reason="the replies of a transaction are not those of its commands",
        when=_says("Wrong number of response items"),
    ),
    Row(
        name="connection lost while watching",
        error=_RE.WatchError,
        attempt=Attempt.NO_REPLY,
        reason="redis-py reports a reply of EXEC that was lost as a WatchError",
        when=_lost_while_watching,
    ),
    *_of("WatchError", Attempt.REFUSED, "EXEC answered null: the transaction was not executed", whole=True),
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
        whole=True,
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
    *_refused("ExecAbortError", "the whole transaction was discarded when it was queued", "EXECABORT", whole=True),
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
        name="CancelledError of a future",
        error=concurrent.futures.CancelledError,
        attempt=Attempt.NO_REPLY,
        reason="the caller gave up waiting for another thread's loop; the command may still be executed",
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
