"""Many threads, many tasks, one breaker."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_arbredis.state.breaker.breaker import Breaker
from pytest_arbredis.state.breaker.guarding import guarded
from pytest_arbredis.state.breaker.outcomes import Outcome
from pytest_arbredis.state.breaker.policy import BreakerPolicy
from pytest_arbredis.state.breaker.transition import State
from pytest_arbredis.state.errors import CircuitOpenError

THREADS = 50


def all_at_once(threads, act):
    """What each of that many threads returns, or the class of what it raises."""
    barrier = threading.Barrier(threads)

    def alone(number):
        barrier.wait(10)
        try:
            return act(number)
        except CircuitOpenError:
            return CircuitOpenError

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(alone, range(threads)))


@pytest.mark.parametrize("probes", [1, 3])
def test_of_fifty_threads_that_meet_half_open_exactly_the_probes_enter(clock, probes):
    breaker = Breaker(BreakerPolicy(failures=1, open_s=1, probes_at_once=probes), clock=clock)
    for _ in range(20):
        breaker.enter().failed()
        clock.advance(1)
        found = all_at_once(THREADS, lambda _: breaker.enter())
        permits = [one for one in found if one is not CircuitOpenError]
        assert len(permits) == probes
        permits[0].succeeded()
        assert breaker.state is State.CLOSED


def test_no_lock_is_held_during_the_guarded_call():
    """Fifty calls are under way at one time, and none could go on if any other had to end first."""
    breaker, together = Breaker(), threading.Barrier(THREADS)

    def act(_):
        with breaker.enter():
            together.wait(10)
        return True

    assert all_at_once(THREADS, act) == [True] * THREADS


def test_no_failure_is_lost_between_threads():
    breaker = Breaker(BreakerPolicy(failures=THREADS * 20))

    def act(_):
        for _ in range(20):
            breaker.enter().failed()

    all_at_once(THREADS, act)
    assert (breaker.state, breaker.snapshot().transitions) == (State.OPEN, 1)


def test_no_call_is_lost_from_the_window():
    breaker = Breaker(BreakerPolicy(failures=None, failure_rate=1, window_s=3600))

    def act(number):
        for _ in range(200):
            breaker.enter().succeeded()
            if number == 0:
                breaker.snapshot()

    all_at_once(THREADS, act)
    assert breaker.snapshot().calls == THREADS * 200


def test_entries_and_moves_are_in_one_order():
    """Every permit's stamp lies within the spell that let it in, whoever forces the breaker meanwhile."""
    breaker, moves, over = Breaker(BreakerPolicy(open_s=1e-6)), [], threading.Event()
    breaker.listen(moves.append)
    entered = []

    def act(number):
        if number == 0:
            for _ in range(500):
                breaker.force_open()
                breaker.force_close()
            over.set()
            return
        mine = []
        while not over.is_set():
            try:
                permit = breaker.enter()
            except CircuitOpenError:
                continue
            mine.append((permit.entered_ns, permit._spell.state))
            permit.succeeded()
        entered.extend(mine)

    all_at_once(4, act)
    assert breaker.delivered(5)
    bounds = [(State.CLOSED, 0), *((one.target, one.at_ns) for one in moves)]
    assert len(moves) >= 100
    kept = [
        (state, began, ends) for (state, began), (_, ends) in zip(bounds, [*bounds[1:], (None, 1 << 62)], strict=True)
    ]
    for entered_ns, state in entered[:: max(1, len(entered) // 2000)]:
        assert any(began <= entered_ns <= ends for spell, began, ends in kept if spell is state)


def test_tasks_and_threads_share_one_breaker(clock):
    breaker = Breaker(BreakerPolicy(failures=1, open_s=1, probes_at_once=2), clock=clock)
    breaker.enter().failed()
    clock.advance(1)
    probe = breaker.enter()

    async def act():
        go = asyncio.Event()

        @guarded(breaker)
        async def ask():
            await go.wait()
            return True

        tasks = [asyncio.create_task(ask()) for _ in range(20)]
        await asyncio.sleep(0)
        go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(act())
    assert answers.count(True) == 1
    assert sum(isinstance(one, CircuitOpenError) for one in answers) == 19
    probe.failed()
    assert breaker.state is State.CLOSED


def test_a_cancelled_task_gives_its_probe_back(clock):
    breaker = Breaker(BreakerPolicy(failures=1, open_s=1), clock=clock)
    breaker.enter().failed()
    clock.advance(1)

    async def act():
        @guarded(breaker)
        async def ask():
            await asyncio.Event().wait()

        task = asyncio.create_task(ask())
        await asyncio.sleep(0)
        assert breaker.snapshot().probes_under_way == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(act())
    assert breaker.state is State.HALF_OPEN
    breaker.enter().succeeded()
    assert breaker.state is State.CLOSED


def test_a_deadline_around_an_asyncio_call_is_a_failure():
    """`asyncio.timeout` outside the guard cancels (no word); inside it raises TimeoutError (unwell)."""
    breaker = Breaker(BreakerPolicy(failures=1))

    @guarded(breaker)
    async def ask():
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(ask())
    assert breaker.state is State.OPEN


def test_the_judge_is_called_without_the_lock():
    breaker = Breaker(judge=lambda _: Outcome.FAILED if breaker.snapshot() else Outcome.IGNORED)
    with pytest.raises(ValueError, match="x"), breaker.enter():
        raise ValueError("x")
    assert breaker.snapshot().failures_in_a_row == 1
