"""Which calls of a drill are cancelled, and when."""

from __future__ import annotations

import asyncio

import pytest

from pytest_arbredis import subjects
from pytest_arbredis.errors import UsageError
from pytest_arbredis.state.errors import DeadlineExceededError
from pytest_arbredis.subjects.state.cancelling import LATEST_S, SOONEST_S, CancelledCall, cancelled, moment_s

WAYS = pytest.mark.parametrize("after_s", [0.001, 0.001001], ids=["Task.cancel", "wait_for"])


def test_a_share_of_the_calls_is_cancelled_at_moments_of_every_order():
    moments = [moment for operation in range(1000) if (moment := moment_s(operation, 0.3)) is not None]
    assert 250 < len(moments) < 350
    assert all(SOONEST_S <= moment <= LATEST_S for moment in moments)
    assert any(moment < 0.001 for moment in moments)
    assert any(moment > 0.1 for moment in moments)


def test_without_a_share_none_is():
    assert {moment_s(operation, 0) for operation in range(100)} == {None}


@WAYS
def test_a_call_that_hangs_is_cancelled(after_s):
    ended = []

    async def hangs():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(CancelledCall):
        asyncio.run(cancelled(hangs(), after_s=after_s))
    assert ended == [True]


@WAYS
def test_what_ends_before_is_given(after_s):
    async def answers():
        return 1

    assert asyncio.run(cancelled(answers(), after_s=after_s)) == 1


@WAYS
def test_a_deadline_of_the_layer_is_no_cancellation(after_s):
    async def late():
        raise DeadlineExceededError("it took too long")

    with pytest.raises(DeadlineExceededError):
        asyncio.run(cancelled(late(), after_s=after_s))


@pytest.mark.parametrize("wrong", [{"cancelled": 0.5}, {"own_loops": True}, {"asyncio": True, "cancelled": 2}])
def test_threads_cannot_be_cancelled_and_have_no_loops(wrong):
    with pytest.raises(UsageError):
        subjects.state_layer(**wrong)
