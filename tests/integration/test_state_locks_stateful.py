"""The fenced lock on a real Redis: one holder, tokens that grow, whatever happens between and inside its calls."""

from __future__ import annotations

import pytest
import redis
from locks_machine import machine_on
from machines import found_out, played
from small_servers import SERVER, started

from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.locks.plans import HARDENINGS

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")


@pytest.fixture
def machine(tmp_path):
    """`machine()` plays it on a server of its own; with names, without those hardenings."""
    with (
        started(tmp_path) as port,
        StateRedis(Settings(address=("127.0.0.1", port), breaker=None)) as state,
        StateRedis(Settings(address=("127.0.0.1", port), db=1, breaker=None)) as other,
        redis.Redis(port=port) as plain,
    ):
        yield lambda *without: machine_on(state, other, plain, frozenset(without))


def test_one_holds_it_and_the_tokens_grow(machine):
    played(machine(), examples=60, steps=40)


@pytest.mark.parametrize("without", sorted(HARDENINGS))
def test_the_machine_finds_a_lock_without(machine, without):
    found_out(machine(without), steps=40)
