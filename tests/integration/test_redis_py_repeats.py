"""What redis-py's subjects send again, and what is recorded of it, against a server that loses replies."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis
from small_servers import op, session_of, stub

from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header
from pytest_arbredis.load.outcomes import classify, outcome_of
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.load.runner import run_load
from pytest_arbredis.load.workloads import increments
from pytest_arbredis.subjects import redis_py


def named(value):
    return value.name.split(" ", 2)[2] if isinstance(value, redis_py.RedisPy) else value


SENT_IN_ALL = {5: 1, 6: 4, 7: 4, 8: 11}[int(redis.__version__.split(".")[0])]


@pytest.mark.parametrize(
    ("subject", "times"),
    [
        *((redis_py.direct(), SENT_IN_ALL), (redis_py.from_url(), 1), (redis_py.pool(), 1)),
        *((redis_py.async_direct(), SENT_IN_ALL), (redis_py.async_from_url(), 1), (redis_py.async_pool(), 1)),
        *((redis_py.pool(retries=2), 3), (redis_py.async_pool(retries=2), 3)),
    ],
    ids=named,
)
def test_how_often_a_construction_repeats_what_was_not_answered(subject, times):
    with stub("INCRBY") as (server, endpoints), session_of(subject, endpoints) as session:
        with pytest.raises(redis.ConnectionError) as caught:
            session.apply(op("increment", value=1))
        assert server.executed.count("INCRBY") == times
        assert (session.attempts, session.tried) == (times, ("stub",))
        assert classify(caught.value, attempts=session.attempts) == "unknown"


@pytest.mark.parametrize("subject", [redis_py.direct(retries=1), redis_py.async_direct(retries=1)], ids=named)
def test_a_refused_connection_on_the_retry_of_a_lost_reply_is_unknown(subject):
    """The increment was applied, although the last error says that nobody listens."""
    with stub("INCRBY", dies=True) as (server, endpoints), session_of(subject, endpoints) as session:
        with pytest.raises(redis.ConnectionError, match=r"Error 111 connecting") as caught:
            session.apply(op("increment", value=1))
        assert server.executed.count("INCRBY") == session.attempts == 1
        assert classify(caught.value, attempts=session.attempts) == "unknown"
        with pytest.raises(redis.ConnectionError) as caught:
            session.apply(op("increment", value=1))
        assert session.attempts == 0
        assert classify(caught.value, attempts=0) == "fail"


def test_an_operation_that_its_deadline_cancels_is_unknown_and_the_next_one_gets_its_own_reply():
    with stub(stalls=("INCRBY",)) as (server, endpoints):
        subject = redis_py.async_direct(deadline_s=0.2, socket_timeout_s=30)
        with session_of(subject, endpoints) as session:
            with pytest.raises(TimeoutError) as caught:
                session.apply(op("increment", value=1))
            assert (session.attempts, session.tried) == (1, ("stub",))
            assert classify(caught.value, attempts=session.attempts) == "unknown"
            assert session.apply(op("write", value="v")) == Answer(output="OK", node="stub")
            assert session.apply(op("read")) == Answer(node="stub")
        assert server.executed.count("INCRBY") == 1


def test_a_deadline_that_ends_the_connecting_sent_nothing():
    with stub() as (server, endpoints):
        subject = redis_py.async_pool(deadline_s=0.2, socket_timeout_s=30)
        with session_of(subject, endpoints) as session:
            session._ask(session._client.connection_pool.disconnect())
            server.stalls = ("HELLO", "CLIENT")
            with pytest.raises(TimeoutError) as caught:
                session.apply(op("increment", value=1))
            assert (session.attempts, session.tried) == (0, ("stub",))
            assert classify(caught.value, attempts=0) == "fail"


def test_a_deadline_that_ends_wait_leaves_a_write_that_nobody_confirmed():
    with stub(stalls=("WAIT",)) as (_, endpoints):
        subject = redis_py.async_sentinel(wait_replicas=2, wait_ms=900, deadline_s=0.2)
        subject = replace(subject, construction="Redis(host, port)")
        with session_of(subject, endpoints) as session:
            answer = session.apply(op("write", value="v"))
            assert answer == Answer(output="OK", confirmed=0, wanted=2, node="stub")
            assert outcome_of(answer) == "unknown"
            assert session.apply(op("read")).output is None


def test_after_an_operation_that_was_cancelled_the_process_is_another(tmp_path):
    with stub(stalls=("INCRBY",)) as (_, endpoints), Recorder(tmp_path / "history.jsonl", Header(run="r")) as recorder:
        subject = redis_py.async_direct(deadline_s=0.4, socket_timeout_s=30)
        report = run_load(increments(2, 1), subject, endpoints, recorder, seed=1, seconds=1.5, run="r")
        history = recorder.close()
    assert report.unknown == report.retired == report.planned == 3
    assert len({op.process for op in history.ops}) == 3
    assert {(op.outcome, op.attempts, op.error) for op in history.ops} == {("unknown", 1, "TimeoutError:")}


@pytest.mark.parametrize("is_asyncio", [False, True])
def test_a_write_whose_wait_is_lost_is_applied_and_unconfirmed(is_asyncio):
    with stub("WAIT") as (server, endpoints):
        subject = redis_py.RedisPy(construction="Redis(host, port)", wait_replicas=2, asyncio=is_asyncio)
        with session_of(subject, endpoints) as session:
            assert session.apply(op("write", value="v")) == Answer(output="OK", confirmed=0, wanted=2, node="stub")
            assert session.attempts == 1
            assert session.apply(op("read")).output is None
        assert server.executed.count("WAIT") == 1


def test_a_wait_on_another_socket_than_its_write_confirms_nothing(monkeypatch):
    """On a new connection WAIT succeeds at once, and says nothing of the write."""
    with stub() as (server, endpoints):
        subject = redis_py.RedisPy(construction="Redis(host, port)", wait_replicas=2)
        with session_of(subject, endpoints) as session:
            assert session.apply(op("write", value="v")).confirmed == 2
            client = session._client
            write = client.set

            def write_and_lose_the_connection(*args):
                reply = write(*args)
                client.connection.disconnect()
                return reply

            monkeypatch.setattr(client, "set", write_and_lose_the_connection)
            assert session.apply(op("write", value="v")).confirmed == 0
        assert server.executed.count("WAIT") == 1
