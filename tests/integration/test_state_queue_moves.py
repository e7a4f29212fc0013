"""Moves of tasks that come at a bad time, on a real Redis: none leaves a task with nobody, or in two places."""

from __future__ import annotations

import threading

import pytest
import redis
from small_servers import SERVER, started

from pytest_arbredis._clock import wait_until
from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.queue.plans import QueueRules
from pytest_arbredis.state.queue.queue import TaskQueue

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
def state(port):
    with redis.Redis(port=port) as plain, StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as state:
        plain.flushall()
        yield state


def test_a_move_that_outlives_its_take_does_not_leave_its_task_with_nobody(state, port):
    """A take that was given up behind a partition: Redis still waits for it, and moves the next task for it."""
    queue = TaskQueue(state)
    held = f"queue:tasks:held.{queue.consumer}"
    with redis.Redis(port=port) as abandoned, redis.Redis(port=port) as plain:
        waits = threading.Thread(target=abandoned.blmove, args=("queue:tasks", held, 10))
        waits.start()
        wait_until(lambda: plain.info("clients")["blocked_clients"] == 1, within_s=5, what="the move to wait")
        assert queue.take(wait_s=0) is None
        queue.put("x")
        waits.join()
        assert queue.waiting() == 0
    task = queue.take(wait_s=0)
    assert task is not None
    assert task.payload == "x"


class Between:
    """Runs plans, and does something after a task was moved and before it is begun."""

    def __init__(self, state, happens):
        self._state = state
        self._happens = happens

    def run(self, plan, **options):
        return self._state.run(self._watched(plan), **options)

    def _watched(self, plan):
        ask = next(plan)
        while True:
            reply = yield ask
            if type(ask) is Command and ask.args[0] == "LMOVE" and reply is not None and self._happens is not None:
                happens, self._happens = self._happens, None
                happens()
            try:
                ask = plan.send(reply)
            except StopIteration as done:
                return done.value


@pytest.mark.parametrize("fate", ["expired", "dead", "given"])
def test_a_task_that_went_back_between_its_move_and_its_begin_is_in_one_place(state, fate):
    """Its consumer was stopped for longer than its lease: what it has read belongs to the queue again."""
    rules = QueueRules(lease_s=0.05, max_deliveries=1)
    other = TaskQueue(state, rules=rules)

    def lease_ends():
        wait_until(lambda: other.recover() or other.waiting(), within_s=5, what="the lease to end")
        if fate != "given" or other.everywhere().held:
            return
        assert other.take(wait_s=0).payload == "x"

    late = TaskQueue(Between(state, lease_ends), rules=rules)
    if fate == "dead":
        other.put("x")
        gone = TaskQueue(state, rules=rules)
        assert gone.take(wait_s=0).deliveries == 1
        wait_until(other.recover, within_s=5, what="the lease to end")
    else:
        other.put("x", valid_for_s=0.02 if fate == "expired" else None)
    if fate == "given":
        assert late.take(wait_s=0) is None, "it is the other's"
    else:
        late.take(wait_s=0)
    found = other.everywhere()
    places = [*found.waiting, *found.held, *found.dead, *found.expired]
    assert [task.payload for task in places] == ["x"]
