"""The limiter on a real Redis agrees with a list of times, whatever happens between and inside its requests."""

from __future__ import annotations

import pytest
import redis
from limits_machine import machine_on
from machines import found_out, played
from small_servers import SERVER, started

from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.limits.plans import HARDENINGS

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")


@pytest.fixture
def machine(tmp_path):
    """`machine()` plays it on a server of its own; with names, without those hardenings."""
    with (
        started(tmp_path, "--hz", "500") as port,  # WAIT ends in time
        StateRedis(Settings(address=("127.0.0.1", port), breaker=None)) as state,
        redis.Redis(port=port) as plain,
    ):
        yield lambda *without: machine_on(state, plain, frozenset(without))


def test_what_passes_is_what_a_list_of_times_says(machine):
    played(machine(), examples=40, steps=30)


EVICTION = frozenset({"eviction-guard"})
"""The machine evicts nothing: `test_state_evicted.py` does."""


@pytest.mark.parametrize("without", sorted(HARDENINGS - EVICTION))
def test_the_machine_finds_a_limit_without(machine, without):
    found_out(machine(without), steps=30)
