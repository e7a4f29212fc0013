"""The task queue on a real Redis: order, leases, lost replies, bounds, stale orders; sync and asyncio."""

from __future__ import annotations

import pytest
from lossy import Lossy
from small_servers import SERVER, started
from state_twins import TWINS, connected

from pytest_arbredis._clock import wait_until
from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.errors import ConflictError, ConnectionLostError, QueueFullError
from pytest_arbredis.state.queue.plans import QueueRules
from pytest_arbredis.state.queue.queue import AsyncTaskQueue, TaskQueue

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(params=TWINS)
def make(request, port):
    """Makes queues, each with a consumer of its own."""
    with connected(request.param, port) as (make, plain):
        yield lambda **options: make(TaskQueue, AsyncTaskQueue, **options)
        plain.flushall()


def test_tasks_come_in_the_order_in_which_they_were_put(make):
    queue = make()
    for number in range(5):
        queue.put({"n": number})
    assert [queue.take(wait_s=0).payload["n"] for _ in range(5)] == [0, 1, 2, 3, 4]
    assert queue.take(wait_s=0) is None


def test_a_take_waits_for_a_task(make):
    queue = make()
    assert queue.take(wait_s=0.05) is None
    queue.put("x")
    assert queue.take(wait_s=5).payload == "x"


def test_an_acknowledged_task_is_gone_and_to_say_so_again_is_no_error(make):
    queue = make()
    queue.put("x")
    task = queue.take(wait_s=0)
    queue.ack(task)
    queue.ack(task)
    assert (queue.waiting(), queue.recover(), queue.everywhere().held) == (0, 0, ())


def test_a_task_that_was_given_back_is_the_next_and_counts_its_deliveries(make):
    queue = make()
    queue.put("first")
    queue.put("second")
    queue.nack(queue.take(wait_s=0))
    again = queue.take(wait_s=0)
    assert (again.payload, again.deliveries) == ("first", 2)


def test_tasks_of_a_consumer_that_ended_go_back_once_in_their_order(make):
    dead, alive = make(rules=QueueRules(lease_s=0.05)), make(rules=QueueRules(lease_s=0.05))
    for number in range(3):
        dead.put(number)
    taken = [dead.take(wait_s=0) for _ in range(2)]
    assert alive.recover() == 0, "its lease has not ended"
    assert wait_until(alive.recover, within_s=5, what="the lease to end") == 2
    assert alive.recover() == 0
    assert [alive.take(wait_s=0).payload for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ConflictError, match="not this consumer's any more") as refused:
        dead.ack(taken[0])
    assert refused.value.applied == "no"


def test_a_consumer_that_extends_its_lease_keeps_its_tasks(make):
    slow, other = make(rules=QueueRules(lease_s=60)), make()
    slow.put("x")
    task = slow.take(wait_s=0)
    slow.extend()
    assert other.recover() == 0
    slow.ack(task)


def test_a_stale_task_is_reported_and_not_given(make):
    reported = []
    queue = make(on_expired=reported.append)
    queue.put("stale", valid_for_s=0.001)
    queue.put("fresh", valid_for_s=60)
    begun_us = queue.everywhere().waiting[0].put_us
    wait_until(
        lambda: queue.put("later") and queue.everywhere().waiting[0].put_us > begun_us + 2000, within_s=5, what="2 ms"
    )
    assert queue.take(wait_s=0).payload == "fresh"
    assert [task.payload for task in reported] == ["stale"]
    assert [task.payload for task in queue.expired()] == ["stale"]


def test_a_task_that_is_never_finished_is_put_aside(make):
    queue = make(rules=QueueRules(max_deliveries=2))
    queue.put("poison")
    for _ in range(2):
        queue.nack(queue.take(wait_s=0))
    assert queue.take(wait_s=0) is None
    assert [task.payload for task in queue.dead()] == ["poison"]


def test_the_queue_is_bounded(make):
    queue = make(rules=QueueRules(max_length=2))
    queue.put(1)
    queue.put(2)
    with pytest.raises(QueueFullError, match="2 tasks wait already") as refused:
        queue.put(3)
    assert refused.value.applied == "no"
    assert queue.waiting() == 2


def test_a_task_id_is_put_once(make):
    queue = make()
    assert queue.put("x", task_id="order-1") == queue.put("x", task_id="order-1") == "order-1"
    queue.ack(queue.take(wait_s=0))
    queue.put("x", task_id="order-1")
    assert queue.waiting() == 0, "it was done already"


def test_what_is_no_task_is_put_aside(make, port):
    queue = make()
    with StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as redis:
        redis.run(_push("not a task"))
    queue.put("x")
    assert queue.take(wait_s=0).payload == "x"
    assert queue.everywhere().dead == ()


def _push(raw):
    yield Command("RPUSH", "queue:tasks", raw)


@pytest.mark.parametrize("ask", [0, 1, 2])
def test_a_take_whose_reply_was_lost_costs_nothing(port, ask):
    """Whichever reply it is: that the consumer is known, the task, how often it was given."""
    with StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as redis:
        redis.run(_flush())
        lossy = Lossy(redis)
        queue = TaskQueue(lossy)
        queue.put("first")
        queue.put("second")
        lossy.loses = ask
        with pytest.raises(ConnectionLostError):
            queue.take(wait_s=0)
        assert [queue.take(wait_s=0).payload for _ in range(2)] == ["first", "second"]


def test_an_ack_whose_reply_was_lost_is_not_taken_for_undone(port):
    with StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as redis:
        redis.run(_flush())
        lossy = Lossy(redis)
        queue = TaskQueue(lossy)
        queue.put("x")
        task = queue.take(wait_s=0)
        lossy.loses = 0
        with pytest.raises(ConnectionLostError):
            queue.ack(task)
        assert queue.take(wait_s=0) is None, "it was applied"


def test_a_consumer_that_comes_back_under_its_name_finds_what_it_had(make):
    make(consumer="worker-1").put("x")
    assert make(consumer="worker-1").take(wait_s=0).payload == "x"
    assert make(consumer="worker-1").take(wait_s=0).deliveries == 2


def _flush():
    yield Command("FLUSHALL")
