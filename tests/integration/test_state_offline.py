"""The offline queue on a real Redis that is killed and comes back, and the pages that show it; threads and asyncio."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
import redis
from small_servers import free_port, started
from state_twins import TWINS, Blocking

from pytest_arbredis._clock import wait_until
from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.offline.policy import OfflinePolicy
from pytest_arbredis.state.offline.queue import AsyncOfflineQueue, OfflineQueue

PAGES = Path(__file__).parents[2] / "docs" / "state"
POLICY = OfflinePolicy(valid_for_s=30, within_s=0.2, longest_pause_s=0.1)


def push(value):
    def plan():
        return (yield Command("RPUSH", "pushed", value))

    return plan


@pytest.fixture(params=TWINS)
def made(request):
    """A queue for a port where nobody listens yet, and what it settled."""
    port, told = free_port(), []
    settings = Settings(address=("127.0.0.1", port))
    if request.param == "sync":
        with StateRedis(settings) as state:
            yield port, OfflineQueue(state, POLICY, on_settled=told.append), told
        return
    with asyncio.Runner() as runner:
        state = AsyncStateRedis(settings)
        queue = AsyncOfflineQueue(state, POLICY, on_settled=told.append)
        yield port, Queue(queue, runner), told
        runner.run(state.close())


class Queue(Blocking):
    def __len__(self):
        return len(self._target)


def test_what_waited_is_there_once_and_in_its_order_when_redis_has_come(made, tmp_path):
    port, queue, told = made
    for n in range(20):
        assert queue.do(f"push {n}", push(n)).waits
    assert queue.ask(push(99), otherwise=-1).degraded
    queue.do("late", push("late"), valid_for_s=0.001)
    with started(tmp_path, port=port):
        wait_until(lambda: queue.flush() == 0, within_s=10, what="nothing waits")
        assert queue.do("push 20", push(20)).value == 21
        with redis.Redis(port=port) as plain:
            assert plain.lrange("pushed", 0, -1) == [str(n).encode() for n in range(21)]
    assert [one.fate for one in told] == ["expired" if one.what == "late" else "sent" for one in told]
    assert len(told) == 21


@pytest.mark.arbredis(topology="single")
@pytest.mark.parametrize("page", ["offline", "symbols"])
def test_the_example_of_the_page_runs(redis_direct_url, page):
    (block,) = re.findall(
        r"^```python\n(.*?)^```$", (PAGES / f"{page}.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    here = block.replace("redis://localhost:6380/0", redis_direct_url)
    assert here != block
    exec(here, {})  # noqa: S102 - our own page
