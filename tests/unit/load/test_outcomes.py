from __future__ import annotations

import asyncio
import concurrent.futures

import pytest
import redis.asyncio.sentinel
import redis.exceptions as rx
import redis.sentinel

from pytest_arbredis.load.outcomes import TABLE, Attempt, classify, outcome_of
from pytest_arbredis.load.protocol import Answer

REFUSED = ("fail", "fail", "unknown", "unknown")
LOST = ("fail", "unknown", "unknown", "unknown")
PARTLY = ("unknown",) * 4


def outcomes(error):
    """After 0, 1 and 2 sends, and where they cannot be counted."""
    return tuple(classify(error, attempts=attempts) for attempts in (0, 1, 2, None))


def raised_while(inner, error):
    """`error`, raised while `inner` was handled."""
    error.__context__ = inner
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (rx.BusyLoadingError("Redis is loading the dataset in memory"), REFUSED),
        (rx.ReadOnlyError("You can't write against a read only replica."), REFUSED),
        (rx.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), REFUSED),
        (rx.MasterDownError("Link with MASTER is down"), REFUSED),
        (rx.ExecAbortError("Transaction discarded because of previous errors."), REFUSED),
        (rx.NoScriptError("No matching script."), REFUSED),
        (rx.NoPermissionError("this user has no permissions"), REFUSED),
        (rx.AuthenticationError("Authentication required."), REFUSED),
        (rx.WatchError("Watched variable changed."), REFUSED),
        (rx.ConnectionError("max number of clients reached"), REFUSED),
        *(
            (rx.ResponseError(f"{word} and so on"), REFUSED)
            for word in (
                "MISCONF",
                "NOREPLICAS",
                "BUSY",
                "INPROG",
                "NOGOODSLAVE",
                "UNBLOCKED",
                "WRONGTYPE",
                "LOADING",
                "READONLY",
                "MASTERDOWN",
                "OOM",
                "EXECABORT",
                "NOSCRIPT",
                "NOAUTH",
                "NOPERM",
            )
        ),
        (raised_while(rx.ReadOnlyError("x"), rx.ConnectionError("The previous master is now a slave")), REFUSED),
        (rx.ConnectionError("The previous master is now a slave"), LOST),
        (rx.ConnectionError("Error 111 connecting to 127.0.0.1:1. Connection refused."), LOST),
        (rx.ConnectionError("Connection closed by server."), LOST),
        (rx.ConnectionError("Too many connections"), LOST),
        (redis.sentinel.MasterNotFoundError("No master found"), LOST),
        (redis.sentinel.SlaveNotFoundError("No slave found"), LOST),
        (rx.DataError("Invalid input of type: 'dict'"), LOST),
        (rx.TimeoutError("Timeout reading from socket"), LOST),
        (rx.InvalidResponse("Protocol Error"), LOST),
        (rx.WatchError("A TimeoutError occurred while watching one or more keys"), LOST),
        (rx.WatchError("A ConnectionError occurred on while watching one or more keys"), LOST),
        (redis.asyncio.sentinel.MasterNotFoundError("No master found"), LOST),
        (asyncio.CancelledError(), LOST),
        (concurrent.futures.CancelledError(), LOST),
        (asyncio.IncompleteReadError(b"", 1), LOST),
        (TimeoutError(), LOST),
        (ConnectionResetError(), LOST),
        (ConnectionRefusedError(), LOST),
        (EOFError(), LOST),
        (rx.ResponseError("Command # 2 (SET a b) of pipeline caused error: WRONGTYPE Operation"), PARTLY),
        (rx.OutOfMemoryError("Command # 2 (SET a b) of pipeline caused error: command not allowed"), PARTLY),
        (rx.ResponseError("WRONGTYPE Operation against a key script: 1a, on @user_script:1."), PARTLY),
    ],
    ids=repr,
)
def test_an_error_means_what_all_attempts_together_allow(error, expected):
    assert outcomes(error) == expected


@pytest.mark.parametrize(
    "error",
    [
        rx.ResponseError("BUSYGROUP Consumer Group name already exists"),
        rx.ResponseError("unknown command 'FOO'"),
        rx.ResponseError("OOMPH"),
        rx.ResponseError("value is not an integer or out of range"),
        rx.ResponseError(""),
        ValueError("MISCONF"),
        OSError(28, "No space left on device"),
        KeyboardInterrupt(),
        AssertionError(),
    ],
    ids=repr,
)
def test_what_the_table_does_not_list_is_not_guessed(error):
    assert outcomes(error) == (None,) * 4


def test_every_row_has_its_reason_and_can_be_reached():
    for row in TABLE:
        assert row.reason
        for earlier in TABLE[: TABLE.index(row)]:
            # A class is hidden by an earlier row that speaks of all of it, or of a class above it.
            always = earlier.when(row.error.__new__(row.error))
            assert not (always and issubclass(row.error, earlier.error)), f"{earlier.name} hides {row.name}"


def test_only_a_composite_is_partly_applied():
    assert [row.name for row in TABLE if row.attempt is Attempt.PARTLY] == [
        "error inside a script",
        "error inside EXEC or a pipeline",
        "Wrong number of response items",
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, "ok"),
        ("OK", "ok"),
        (Answer(output=1), "ok"),
        (Answer(confirmed=2, wanted=2), "ok"),
        (Answer(confirmed=3, wanted=2), "ok"),
        (Answer(confirmed=1, wanted=2), "unknown"),
        (Answer(confirmed=0, wanted=1), "unknown"),
    ],
)
def test_fewer_confirmations_than_asked_for_are_unknown(answer, expected):
    assert outcome_of(answer) == expected
