"""Without faults the naive queue, channels, limiter and lock and the hardened ones do the same."""

from __future__ import annotations

import pytest
import redis
from small_servers import SERVER, op, started

from pytest_arbredis.load.protocol import Answer, Endpoints
from pytest_arbredis.scenarios.naive import channels, limits, locks, queue
from pytest_arbredis.subjects.state import limits as hardened_limits
from pytest_arbredis.subjects.state import locks as hardened_locks
from pytest_arbredis.subjects.state import messages as hardened_messages
from pytest_arbredis.subjects.state import tasks as hardened_tasks

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
def opened(port):
    """Sessions of a subject on an empty server."""
    with redis.Redis(port=port) as plain:
        plain.flushall()
    sessions = []

    def open_(subject):
        sessions.append(subject.open(Endpoints(primary=("127.0.0.1", port))))
        return sessions[-1]

    yield open_
    for session in sessions:
        session.close()


@pytest.mark.parametrize("subject", [queue.tasks(), hardened_tasks.tasks()], ids=["naive", "hardened"])
def test_tasks_come_in_order_and_are_done(opened, subject):
    one, other = opened(subject), opened(subject)
    for value in ("a", "b", "c"):
        one.apply(op("enqueue", value=value))
    assert [other.apply(op("dequeue")), other.apply(op("ack"))] == ["a", "a"]
    assert [one.apply(op("dequeue")), one.apply(op("ack"))] == ["b", "b"]
    assert one.apply(op("recover")) == 0
    assert one.apply(op("left")) == {"todo": ["c"], "aside": []}
    assert other.apply(op("dequeue")) == "c"
    assert other.apply(op("ack")) == "c"
    assert one.apply(op("dequeue")) is None


@pytest.mark.parametrize("subject", [channels.messages(), hardened_messages.messages()], ids=["naive", "hardened"])
def test_messages_come_to_who_is_there(opened, subject):
    session = opened(subject)
    assert session.apply(op("receive", key="c")) == []
    for said in ("a", "b"):
        session.apply(op("publish", key="c", value=said))
    assert session.apply(op("receive", key="c")) == ["a", "b"]
    assert session.apply(op("receive", key="c")) == []


def _passed(answer):
    return answer["allowed"] if isinstance(answer, dict) else answer


@pytest.mark.parametrize("subject", [limits.limits(), hardened_limits.limits()], ids=["naive", "hardened"])
def test_the_first_request_passes(opened, subject):
    assert _passed(opened(subject).apply(op("take"))) is True


@pytest.mark.parametrize("subject", [locks.locks(), hardened_locks.locks()], ids=["naive", "hardened"])
def test_a_lock_is_acquired_used_and_released(opened, subject):
    one, other = opened(subject), opened(subject)
    held = one.apply(op("acquire"))
    refused = other.apply(op("acquire"))
    assert isinstance(refused, Answer)
    assert refused.outcome == "fail"
    assert one.apply(op("accept")) == {"token": held["token"]}
    assert one.apply(op("release")) == {"token": held["token"]}
    later = other.apply(op("acquire"))
    assert later["token"] > held["token"]
    assert one.apply(op("release")).outcome == "fail"
