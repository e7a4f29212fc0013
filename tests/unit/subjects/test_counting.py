from __future__ import annotations

import asyncio
import threading

import pytest
import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel

from pytest_arbredis.subjects import redis_py
from pytest_arbredis.subjects.counting import Meter, counting
from pytest_arbredis.subjects.counting_asyncio import COUNT, counted, counting_asyncio


def test_a_node_is_tried_once_however_often_and_the_last_comes_last():
    meter = Meter()
    for address in (("a", 1), ("b", 2), ("a", 1), ("a", 1)):
        meter.sent_to(address)
    meter.dialled(("c", 3))
    assert (meter.attempts, meter.tried) == (4, [("b", 2), ("a", 1), ("c", 3)])
    meter.start()
    assert (meter.attempts, meter.tried) == (0, [])


def test_each_thread_has_its_own_count():
    meter = Meter()
    meter.sent_to(("a", 1))
    seen = []
    thread = threading.Thread(target=lambda: seen.append(meter.attempts))
    thread.start()
    thread.join()
    assert (seen, meter.attempts) == ([0], 1)


def test_a_subject_is_a_value_whose_name_says_version_and_construction():
    assert redis_py.sentinel(wait_replicas=2) == redis_py.sentinel(wait_replicas=2)
    assert redis_py.sentinel(wait_replicas=2).name.startswith("redis-py ")
    assert redis_py.sentinel(wait_replicas=2).name.endswith(" Sentinel.master_for, WAIT 2")
    assert redis_py.pool(retries=1).name.endswith(" ConnectionPool, 1 retries")
    assert " asyncio ConnectionPool, 1 retries, deadline 0.5 s" in redis_py.async_pool(retries=1, deadline_s=0.5).name


@pytest.mark.parametrize(
    ("counts", "kind"),
    [
        (counting, redis.Connection),
        (counting, redis.SSLConnection),
        (counting, redis.sentinel.SentinelManagedConnection),
        (counting, redis.sentinel.SentinelManagedSSLConnection),
        (counting_asyncio, redis.asyncio.Connection),
        (counting_asyncio, redis.asyncio.SSLConnection),
        (counting_asyncio, redis.asyncio.sentinel.SentinelManagedConnection),
        (counting_asyncio, redis.asyncio.sentinel.SentinelManagedSSLConnection),
    ],
)
def test_a_class_of_connections_that_counts_is_still_that_class_and_made_once(counts, kind):
    assert issubclass(counts(kind), kind)
    assert counts(kind) is counts(kind)
    assert counts(kind).__name__ == f"Counting{kind.__name__}"


def test_tasks_of_one_loop_have_their_own_counts_and_share_them_with_tasks_of_theirs():
    async def send(times):
        with counted() as count:
            for _ in range(times):
                await asyncio.create_task(note())
            return count.attempts

    async def note():
        count = COUNT.get()
        await asyncio.sleep(0)
        count.sent_to(("a", 1))

    async def both():
        return await asyncio.gather(send(1), send(3))

    assert asyncio.run(both()) == [1, 3]
