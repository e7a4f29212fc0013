"""Managers against the model, on a real Redis: its scripts, with requests and replies that are lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from small_servers import started

sys.path.append(str(Path(__file__).parent.parent / "unit" / "state" / "manager"))

from manager_machine import Managers
from redis_in_memory import AFTER, BEFORE

from pytest_arbredis.state.clock import SYSTEM_CLOCK
from pytest_arbredis.state.connections.driving import drive
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.errors import ConnectionLostError, UnreachableError


class FailingRedis:
    """A real server; any ask may fail before it is sent, or lose its reply."""

    def __init__(self, port):
        self.redis = StateRedis(Settings(address=("127.0.0.1", port), breaker=None))
        self.plain = redis.Redis(port=port)
        self.away = False
        self.fails: list[str | None] = []

    def run(self, plan, *, kind=None, within_s=None):  # noqa: ARG002 - as Runs has it
        return drive(plan, self._answer)

    def stat(self, name):
        return int(self.plain.hget("test:local:arbitrage:stats", name) or 0)

    def close(self):
        self.redis.close()
        self.plain.close()

    def _answer(self, ask):
        fate = self.fails.pop(0) if self.fails else None
        if self.away or fate == BEFORE:
            raise UnreachableError("refused", applied="no")
        reply = self.redis.run(only(ask))
        if fate == AFTER:
            raise ConnectionLostError("the reply is lost")
        return reply


def only(ask):
    return (yield ask)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        failing = FailingRedis(port)
        yield failing
        failing.close()


def test_nothing_accepted_is_lost_or_counted_twice_on_a_real_server(server):
    """Which metric is newest is left to the model in memory: here steps follow each other within a clock's error."""

    class ManagersOnRedis(Managers):
        orders_metrics = False

        def begin(self):
            self.clock = SYSTEM_CLOCK
            self.server = server
            server.away, server.fails = False, []
            server.plain.flushall()

        def passes(self, seconds):
            """Time passes by itself."""

    run_state_machine_as_test(
        ManagersOnRedis,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
