"""Every attempt of a call counts by itself in the breaker: those that the layer makes again do not hide behind one."""

from __future__ import annotations

import asyncio

import pytest
from small_servers import free_port, op, session_of, stub

from pytest_arbredis import subjects
from pytest_arbredis.scenarios.naive.connections import RETRIES, Naive
from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.breaker.policy import BreakerPolicy
from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.errors import CircuitOpenError, ConnectionLostError, StateError, UnreachableError

RATES = BreakerPolicy(failures=100, failure_rate=1.0, minimum_calls=1000, window_s=600, open_s=600)
"""Never opens here, and counts all."""


class Once:
    """Names of commands, each lost the first time only."""

    def __init__(self, *names):
        self.names = {*names}

    def __contains__(self, name):
        lost = name in self.names
        self.names.discard(name)
        return lost


def one(*args):
    return (yield Command(*args))


@pytest.fixture(params=["threads", "asyncio"])
def asked(request):
    """Commands one after the other: what each caller is given or told, and how the breaker stands then."""

    def by_threads(settings, *commands):
        with StateRedis(settings) as state:
            answers = []
            for command in commands:
                try:
                    answers.append(state.run(one(*command)))
                except StateError as error:
                    answers.append((type(error), error.applied))
            return answers, state.breaker.snapshot()

    def on_a_loop(settings, *commands):
        async def run():
            async with AsyncStateRedis(settings) as state:
                answers = []
                for command in commands:
                    try:
                        answers.append(await state.run(one(*command)))
                    except StateError as error:
                        answers.append((type(error), error.applied))
                return answers, state.breaker.snapshot()

        return asyncio.run(run())

    return by_threads if request.param == "threads" else on_a_loop


def at(address, policy):
    return Settings(address=address, keeps_state=False, breaker=policy)


@pytest.mark.parametrize(
    ("command", "attempts"),
    [(("GET", "k"), 2), (("INCRBY", "k", 1), 1)],
    ids=["a read, which is made again", "a change, which is not"],
)
def test_each_attempt_whose_reply_is_lost_is_one_failure(asked, command, attempts):
    with stub(command[0]) as (server, _):
        answers, snapshot = asked(at(server.server_address, RATES), command, command, command)
    assert answers == [(ConnectionLostError, "unknown")] * 3
    assert server.executed.count(command[0]) == snapshot.failures_in_a_row == 3 * attempts
    assert snapshot.failed == snapshot.calls == 3 * attempts


@pytest.mark.parametrize("command", [("GET", "k"), ("INCRBY", "k", 1)])
def test_each_refused_connection_is_one_failure(asked, command):
    answers, snapshot = asked(at(("127.0.0.1", free_port()), RATES), command, command)
    assert answers == [(UnreachableError, "no")] * 2
    assert snapshot.failures_in_a_row == snapshot.failed == snapshot.calls == 4


def test_a_read_that_is_served_when_it_is_made_again_was_one_failure_and_one_success(asked):
    with stub() as (server, _):
        server.loses = Once("GET")
        answers, snapshot = asked(at(server.server_address, RATES), ("GET", "k"))
    assert answers == [None]
    assert server.executed.count("GET") == 2
    assert (snapshot.calls, snapshot.failed, snapshot.failures_in_a_row) == (2, 1, 0)


def test_a_repeat_that_the_breaker_rejects_does_not_hide_that_the_first_attempt_was_sent(asked):
    with stub("GET") as (server, _):
        policy = BreakerPolicy(failures=3, open_s=600)
        answers, snapshot = asked(at(server.server_address, policy), ("GET", "k"), ("GET", "k"), ("GET", "k"))
    assert [error for error, _ in answers] == [ConnectionLostError, ConnectionLostError, CircuitOpenError]
    assert (server.executed.count("GET"), snapshot.state) == (3, "open")


@pytest.mark.parametrize(
    ("subject", "attempts_that_count_as_one"),
    [
        (subjects.state_layer(keeps_state=False, breaker=BreakerPolicy(failures=4, open_s=600)), 1),
        (subjects.state_layer(keeps_state=False, breaker=BreakerPolicy(failures=4, open_s=600), asyncio=True), 1),
        (Naive(timeout_s=1.0, failures=4, open_s=600), 1 + RETRIES),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_four_failures_open_it_and_retries_inside_a_naive_breaker_make_them_sixteen(
    subject, attempts_that_count_as_one
):
    """The caller does the same: it reads until it is told that the breaker is open."""
    with stub("GET") as (server, endpoints), session_of(subject, endpoints) as session:
        said = [""]
        while "CircuitOpenError" not in said[-1]:
            said.append(session.apply(op("read")).error)
            assert len(said) < 20
    assert server.executed.count("GET") == 4 * attempts_that_count_as_one
