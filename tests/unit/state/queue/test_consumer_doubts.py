"""What a consumer was never told that it has is found again, however late it was moved, and whoever acknowledges."""

from __future__ import annotations

import contextlib

import pytest

from pytest_arbredis.state.asks import Call
from pytest_arbredis.state.errors import ConnectionLostError
from pytest_arbredis.state.queue import plans
from pytest_arbredis.state.queue.plans import QueueRules
from pytest_arbredis.state.queue.taking import Consumer
from pytest_arbredis.state.queue.task import parsed

RAW = b'{"id":"t1","put_us":5,"until_us":0,"payload":1}'


def test_an_ack_that_fails_while_a_take_waits_is_not_forgotten_by_that_take():
    """Its task would be held for as long as its consumer lives, and given to nobody."""
    me = Consumer(None, None)
    task = me.took(parsed(RAW, deliveries=1))
    with me.taking(), pytest.raises(ConnectionLostError), me.finishing(task):
        raise ConnectionLostError("the reply is lost")
    assert RAW not in me.knows


def test_a_task_that_is_given_again_before_its_nack_returns_stays_known():
    """Another thread takes it between the server's doing and the reply: it would be given back while it is done."""
    me = Consumer(None, None)
    task = me.took(parsed(RAW, deliveries=1))
    with me.finishing(task):
        again = me.took(parsed(RAW, deliveries=2))
    assert again.raw in me.knows


def test_every_take_gives_back_what_its_consumer_does_not_know():
    """A move that was under way when its take was given up may be done after the next take has looked."""
    me = Consumer(None, None)
    with me.taking():
        pass
    plan = plans.take(QueueRules(), me.name, wait_s=0, knows=me.knows, expired=[])
    ask = next(plan)
    assert isinstance(ask, Call)
    assert ask.args[2:] == ("1",)
    plan.close()


def test_a_task_that_went_back_before_it_was_begun_is_not_given():
    """The lease had ended between the move and the script that counts it: somebody else has it."""
    plan = plans.take(QueueRules(), "me", wait_s=0, knows=(), expired=[])
    next(plan)
    plan.send(0)
    plan.send(RAW)
    after = plan.send(-3)
    assert after.args[0] == "LMOVE"
    with contextlib.suppress(StopIteration):
        plan.send(None)
