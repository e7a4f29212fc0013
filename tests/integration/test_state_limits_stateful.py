"""The limiter on a real Redis agrees with a list of times, whatever happens between and inside its requests."""

from __future__ import annotations

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from limits_machine import machine_on
from small_servers import SERVER, started

from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.limits.plans import HARDENINGS

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")


def run(folder, *, without=frozenset(), **options):
    with (
        started(folder, "--hz", "500") as port,  # WAIT ends in time
        StateRedis(Settings(address=("127.0.0.1", port), breaker=None)) as state,
        redis.Redis(port=port) as plain,
    ):
        wanted = settings(
            **{"max_examples": 40, **options},
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(machine_on(state, plain, without), settings=wanted)


def test_what_passes_is_what_a_list_of_times_says(tmp_path):
    run(tmp_path)


@pytest.mark.parametrize("without", sorted(HARDENINGS))
def test_the_machine_finds_a_limit_without(tmp_path, without):
    once = {"max_examples": 400, "database": None, "derandomize": True, "report_multiple_bugs": False}
    with pytest.raises(AssertionError):
        run(tmp_path, without=frozenset({without}), phases=[Phase.generate], **once)
