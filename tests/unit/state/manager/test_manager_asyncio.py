"""The asyncio manager: tasks beside one another, and calls that are cancelled at any await."""

from __future__ import annotations

import asyncio

import pytest
from redis_in_memory import AFTER, ManualClock, RedisInMemory

from pytest_arbredis.state.connections.driving import drive_async
from pytest_arbredis.state.manager.aio import AsyncStateManager
from pytest_arbredis.state.manager.modes import Mode
from pytest_arbredis.state.manager.opening import Policy


class AsyncRedisInMemory(RedisInMemory):
    """Every ask waits before it is sent and before its reply comes; the `hangs_at`-th of these waits never ends."""

    hangs_at = None
    waits = 0

    def __init__(self, clock):
        super().__init__(clock)
        self.hangs = asyncio.Event()

    async def run(self, plan, *, kind=None, within_s=None):  # noqa: ARG002 - as RunsAsync has it
        return await drive_async(plan, self._awaited)

    async def _awaited(self, ask):
        await self._wait()
        reply = self._answer(ask)
        await self._wait()
        return reply

    async def _wait(self):
        self.waits += 1
        if self.waits == self.hangs_at:
            self.hangs.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def server(clock):
    return AsyncRedisInMemory(clock)


@pytest.fixture
def manager(server, clock):
    return AsyncStateManager(redis=server, policy=Policy(clock=clock))


def test_tasks_beside_one_another_count_every_addition_once(manager, server, clock):
    async def all_of_them():
        async with manager:
            server.fails = [None, AFTER, None, AFTER, AFTER]
            await asyncio.gather(*(manager.increment_stat("trades") for _ in range(20)))
            clock.pass_s(1)
            assert await manager.reconcile()
            return await manager.read_stat("trades")

    read = asyncio.run(all_of_them())
    assert (read.value, read.degraded, manager.mode) == (20, False, Mode.REDIS)


@pytest.mark.parametrize("hangs_at", range(1, 7))
def test_a_cancelled_reconciliation_leaves_the_journal_to_the_next_call(manager, server, clock, hangs_at):
    """Wherever it is cancelled: what was journalled is added once, and nobody is locked out."""

    async def cancelled():
        await manager.increment_stat("trades", 1)
        server.away = True
        await manager.increment_stat("trades", 2)
        server.away = False
        clock.pass_s(1)
        server.waits, server.hangs_at = 0, hangs_at
        task = asyncio.create_task(manager.get_stat("trades"))
        await server.hangs.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        clock.pass_s(1)
        return await manager.read_stat("trades")

    read = asyncio.run(cancelled())
    assert (read.value, read.degraded, manager.waiting) == (3, False, ())
