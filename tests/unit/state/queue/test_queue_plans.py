"""What the queue asks of Redis, answered by hand; and what it refuses."""

from __future__ import annotations

import pytest

from pytest_arbredis.state.asks import Call, Command
from pytest_arbredis.state.errors import CorruptedError, KeyRefusedError, MisuseError
from pytest_arbredis.state.queue import plans
from pytest_arbredis.state.queue.plans import QueueRules
from pytest_arbredis.state.queue.queue import TaskQueue
from pytest_arbredis.state.queue.task import encoded, parsed

RULES = QueueRules(lease_s=3)
RAW = b'{"id":"t1","put_us":5,"until_us":0,"payload":{"a":1}}'


def result(plan, *replies):
    """Its asks, and what it returns when it gets these replies."""
    asks, ask = [], next(plan)
    for reply in replies:
        asks.append(ask)
        try:
            ask = plan.send(reply)
        except StopIteration as done:
            return asks, done.value
    return pytest.fail(f"it asks for more: {ask}")


def take(wait_s=0, knows=(), rules=RULES):
    return plans.take(rules, "me", wait_s=wait_s, knows=knows, expired=[])


def test_a_take_says_that_the_consumer_is_there_before_it_moves_a_task():
    asks, task = result(take(), 0, RAW, 1)
    assert [type(ask) for ask in asks] == [Call, Command, Call]
    assert asks[1].args == ("LMOVE", "queue:tasks", "queue:tasks:held.me", "RIGHT", "LEFT")
    assert (task.id, task.payload, task.deliveries) == ("t1", {"a": 1}, 1)


def test_a_take_never_waits_for_longer_than_a_third_of_the_lease_at_once():
    asks, task = result(take(wait_s=2.5), *([0, None, None] * 3))
    waits = [ask.blocks_s for ask in asks if isinstance(ask, Command) and ask.args[0] == "BLMOVE"]
    assert waits == [1.0, 1.0, 0.5]
    assert task is None


def test_what_is_held_unknowingly_is_given_back_first():
    asks, _ = result(take(knows=[RAW]), 0, None)
    assert asks[0].args == ("me", 3000, "1", RAW)
    asks, _ = result(take(), 0, None)
    assert asks[0].args == ("me", 3000, "1")


def test_the_naive_take_is_a_brpop():
    asks, task = result(take(wait_s=0.5, rules=QueueRules(_without=frozenset({"processing-list"}))), [b"q", RAW])
    assert [ask.args[0] for ask in asks] == ["BRPOP"]
    assert task.payload == {"a": 1}


@pytest.mark.parametrize(
    "raw", [b"x", b"[]", b'{"id":"t"}', b"\xff", b'{"id":"t","put_us":"x","until_us":0,"payload":1}']
)
def test_an_element_that_is_no_task_is_said_to_be_none(raw):
    with pytest.raises(CorruptedError, match="no task"):
        parsed(raw)


@pytest.mark.parametrize("payload", [object(), {"price": float("nan")}, "x" * 1_000_000])
def test_a_payload_that_is_no_json_is_refused(payload):
    """NaN would come back as null: an order without a price."""
    with pytest.raises(MisuseError, match="payload of a task"):
        encoded(payload)


@pytest.mark.parametrize("wait_s", [-1, float("nan"), float("inf")])
def test_a_wait_that_cannot_be_is_refused(wait_s):
    with pytest.raises(MisuseError, match="wait_s"):
        next(take(wait_s=wait_s))


@pytest.mark.parametrize("valid_for_s", [0, -1, float("nan"), float("inf")])
def test_a_task_that_is_never_valid_is_refused(valid_for_s):
    with pytest.raises(MisuseError, match="valid_for_s"):
        next(plans.put(RULES, "t", 1, valid_for_s=valid_for_s, once=True))


@pytest.mark.parametrize("task_id", ["", "a b", "a:b", 7])
def test_a_bad_id_is_refused(task_id):
    with pytest.raises(KeyRefusedError, match="task_id"):
        next(plans.put(RULES, task_id, 1, valid_for_s=None, once=True))


@pytest.mark.parametrize("rules", [{"lease_s": 0}, {"max_length": 0}, {"max_deliveries": 1.5}, {"once_s": -1}])
def test_rules_that_cannot_be_kept_are_refused(rules):
    with pytest.raises(MisuseError, match=next(iter(rules))):
        QueueRules(**rules)


def test_an_unknown_hardening_is_refused():
    with pytest.raises(MisuseError, match="no such hardening"):
        QueueRules(_without=frozenset({"luck"}))


def test_two_takes_at_once_are_refused():
    """Whose task a lost reply was could not be told."""

    class Nested:
        def run(self, plan, **_):
            plan.close()
            return queue.take()

    queue = TaskQueue(Nested())
    with pytest.raises(MisuseError, match="takes already"):
        queue.take()


def test_a_bad_name_of_a_consumer_is_refused():
    with pytest.raises(KeyRefusedError, match="consumer"):
        TaskQueue(None, consumer="worker 1")
