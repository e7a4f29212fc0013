"""Every reply that is an error, and every exception of redis-py, has one meaning, given at one place."""

from __future__ import annotations

import inspect

import pytest
import redis
import redis.exceptions

from pytest_arbredis.state.breaker.outcomes import Outcome, outcome_of
from pytest_arbredis.state.connections.translation import WIRE_TROUBLE, reply_error, wire_error, word_of
from pytest_arbredis.state.errors import (
    ConnectionLostError,
    DeadlineExceededError,
    OutOfMemoryError,
    ReadOnlyError,
    RejectedError,
    ServerRefusedError,
    StateError,
    TooFewReplicasError,
    WriteRefusedError,
    WrongTypeError,
)

REPLIES = [
    ("LOADING Redis is loading the dataset in memory", ServerRefusedError),
    ("READONLY You can't write against a read only replica.", ReadOnlyError),
    ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", ServerRefusedError),
    ("OOM command not allowed when used memory > 'maxmemory'.", OutOfMemoryError),
    ("NOREPLICAS Not enough good replicas to write.", TooFewReplicasError),
    ("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to", WriteRefusedError),
    ("BUSY Redis is busy running a script.", ServerRefusedError),
    ("UNBLOCKED force unblock from blocking operation", ServerRefusedError),
    ("ERR max number of clients reached", ServerRefusedError),
    ("BUSYGROUP Consumer Group name already exists", RejectedError),
    ("WRONGTYPE Operation against a key holding the wrong kind of value", WrongTypeError),
    ("NOAUTH Authentication required.", RejectedError),
    ("WRONGPASS invalid username-password pair or user is disabled.", RejectedError),
    ("NOPERM this user has no permissions to run the 'set' command", RejectedError),
    ("NOSCRIPT No matching script.", RejectedError),
    ("EXECABORT Transaction discarded because of previous errors.", RejectedError),
    (
        "EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica.",
        ReadOnlyError,
    ),
    (
        "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.",
        OutOfMemoryError,
    ),
    ("ERR value is not an integer or out of range", RejectedError),
    ("MOVED 3999 127.0.0.1:6381", RejectedError),
]


@pytest.mark.parametrize(("said", "kind"), REPLIES, ids=[said.partition(" ")[0] for said, _ in REPLIES])
def test_a_reply_is_known_by_its_first_word(said, kind):
    error = reply_error(redis.ResponseError(said))
    assert type(error) is kind
    assert error.applied == "no"
    if isinstance(error, ServerRefusedError):
        assert error.word == word_of(redis.ResponseError(said))


def test_only_what_cannot_serve_counts_against_redis():
    unwell = {
        word_of(redis.ResponseError(said))
        for said, _ in REPLIES
        if outcome_of(reply_error(redis.ResponseError(said))) is Outcome.FAILED
    }
    assert unwell == {
        "LOADING",
        "READONLY",
        "MASTERDOWN",
        "BUSY",
        "UNBLOCKED",
        "MAXCLIENTS",
    }


def test_arguments_of_an_unknown_command_are_not_repeated():
    error = reply_error(redis.ResponseError("ERR unknown command 'AUHT', with args beginning with: 'hunter2' "))
    shown = f"{error!r} {error} {error.__cause__!r}"
    assert "hunter2" not in shown
    assert "AUHT" in shown


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (redis.TimeoutError("Timeout reading from socket"), DeadlineExceededError),
        (TimeoutError(), DeadlineExceededError),
        (redis.ConnectionError("Connection closed by server."), ConnectionLostError),
        (ConnectionResetError(), ConnectionLostError),
        (redis.InvalidResponse("Protocol Error"), ConnectionLostError),
    ],
)
def test_what_ends_a_connection_leaves_it_open_what_was_done(raised, kind):
    error = wire_error(raised, ("h", 1))
    assert type(error) is kind
    assert error.applied == "unknown"


def test_every_exception_of_redis_py_is_wire_trouble_or_a_reply_or_passes_as_it_is():
    """A class that a later redis-py adds is not guessed: it belongs to one of the two, or goes through untouched."""
    classes = [kind for _, kind in inspect.getmembers(redis.exceptions, inspect.isclass) if issubclass(kind, Exception)]
    assert len(classes) > 20
    for kind in classes:
        if issubclass(kind, WIRE_TROUBLE):
            assert isinstance(wire_error(Exception.__new__(kind), ("h", 1)), StateError)
        elif not issubclass(kind, redis.ResponseError):
            assert kind.__name__ not in {"ConnectionError", "TimeoutError", "BusyLoadingError", "MaxConnectionsError"}
