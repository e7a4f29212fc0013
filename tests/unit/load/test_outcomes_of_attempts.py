"""The join over attempts: what an operation's last error means after so many sends, of so many commands."""

from __future__ import annotations

import pytest
import redis.exceptions as rx

from pytest_arbredis.load.outcomes import classify

LAST_ERRORS = {
    "a refusal": rx.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
    "nothing sent": rx.ConnectionError("Error 111 connecting to 127.0.0.1:1. Connection refused."),
    "no reply": rx.TimeoutError("Timeout reading from socket"),
    "partly applied": rx.ResponseError("WRONGTYPE … script: 1a, on @user_script:1."),
}


@pytest.mark.parametrize(
    ("last", "attempts", "outcome"),
    [
        ("a refusal", 0, "fail"),  # of the handshake
        ("a refusal", 1, "fail"),
        ("a refusal", 2, "unknown"),  # OOM on the retry of a lost reply
        ("a refusal", 11, "unknown"),
        ("a refusal", None, "unknown"),
        ("nothing sent", 0, "fail"),
        ("nothing sent", 1, "unknown"),  # connection refused on the retry of a lost reply
        ("nothing sent", 2, "unknown"),
        ("nothing sent", None, "unknown"),
        ("no reply", 0, "fail"),  # while connecting, or discovering
        ("no reply", 1, "unknown"),
        ("no reply", 2, "unknown"),
        ("no reply", None, "unknown"),
        ("partly applied", 1, "unknown"),
        ("partly applied", 2, "unknown"),
        ("partly applied", None, "unknown"),
    ],
)
def test_a_refusal_is_certain_only_without_an_earlier_attempt(last, attempts, outcome):
    assert classify(LAST_ERRORS[last], attempts=attempts) == outcome


def raised_within(cause, error):
    """`error` as it is when it was raised while `cause` was handled."""
    try:
        try:
            raise cause
        except type(cause):
            raise error  # noqa: B904 - the context is the point
    except type(error) as caught:
        return caught


def in_pipeline(text, kind=rx.ResponseError):
    return kind(f"Command # 2 (SET a b) of pipeline caused error: {text}")


WRONG_TYPE = in_pipeline("WRONGTYPE Operation against a key")
WRONG_TYPE_IN_ASYNCIO = in_pipeline("('WRONGTYPE Operation against a key',)")
EXECABORT = rx.ExecAbortError("Transaction discarded because of previous errors.")
DISCARDED = raised_within(EXECABORT, in_pipeline("command not allowed", rx.OutOfMemoryError))
DEMOTED = raised_within(rx.ReadOnlyError("x"), rx.ConnectionError("The previous master is now a slave"))


@pytest.mark.parametrize(
    ("error", "commands", "outcome"),
    [
        (WRONG_TYPE, None, "unknown"),
        (WRONG_TYPE, 3, "unknown"),
        (WRONG_TYPE, 1, "fail"),
        (WRONG_TYPE_IN_ASYNCIO, 3, "unknown"),
        (WRONG_TYPE_IN_ASYNCIO, 1, "fail"),
        (in_pipeline("value is not an integer or out of range"), 1, "unknown"),  # in no row of its own
        (in_pipeline("WRONGTYPE x script: 1a, on @user_script:1."), 1, "unknown"),
        (in_pipeline("command not allowed", rx.OutOfMemoryError), 2, "unknown"),
        (DISCARDED, 3, "fail"),
        (DISCARDED, None, "fail"),
        (EXECABORT, 3, "fail"),
        (rx.WatchError("Watched variable changed."), 3, "fail"),
        (rx.WatchError("A ConnectionError occurred on while watching one or more keys"), 3, "unknown"),
        (rx.ConnectionError("max number of clients reached"), 3, "fail"),
        (DEMOTED, 1, "fail"),
        (DEMOTED, 3, "unknown"),  # the commands before the demotion are applied
        (rx.BusyLoadingError("Redis is loading the dataset in memory"), 1, "fail"),
        (rx.BusyLoadingError("Redis is loading the dataset in memory"), 3, "unknown"),
        (rx.TimeoutError("Timeout reading from socket"), 3, "unknown"),
        (rx.ResponseError("Wrong number of response items from pipeline execution"), 3, "unknown"),
    ],
    ids=repr,
)
def test_of_a_pipeline_a_refusal_is_certain_only_if_it_speaks_of_all_its_commands(error, commands, outcome):
    assert classify(error, attempts=1, commands=commands) == outcome
    assert classify(error, attempts=2, commands=commands) == "unknown"


REFUSED, LOST = rx.ReadOnlyError("x"), rx.TimeoutError("x")


@pytest.mark.parametrize(
    ("errors", "outcomes"),
    [
        ([REFUSED, REFUSED], ("fail", "fail", "unknown")),
        ([REFUSED, LOST], ("fail", "unknown", "unknown")),
        ([REFUSED, ExceptionGroup("inner", [LOST])], ("fail", "unknown", "unknown")),
        ([REFUSED, ValueError()], (None, None, None)),
    ],
    ids=repr,
)
def test_a_group_of_errors_is_as_certain_as_its_least_certain_one(errors, outcomes):
    group = ExceptionGroup("several tasks", errors)
    assert tuple(classify(group, attempts=attempts) for attempts in (0, 1, 2)) == outcomes
