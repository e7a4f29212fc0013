"""Without faults plain redis-py, the naive breaker and the state layer do the same, by threads and in asyncio."""

from __future__ import annotations

import pytest
from small_servers import SERVER, op, session_of, started

from pytest_arbredis import subjects
from pytest_arbredis.load.protocol import Answer, Endpoints
from pytest_arbredis.scenarios.naive.connections import Naive, Pooled, Trusting, by_sentinels, plain
from pytest_arbredis.state.breaker.policy import BreakerPolicy

pytestmark = pytest.mark.skipif(SERVER is None, reason="redis-server is not on PATH")

SUBJECTS = {
    "plain": plain(),
    "naive breaker": Naive(failures=3),
    "naive pool": Pooled(timeout_s=1, failures=3, open_s=0.4),
    "by Sentinels": by_sentinels(),
    "by Sentinels, trusting": Trusting(replicas=2),
    "state layer": subjects.state_layer(breaker=BreakerPolicy()),
    "state layer, asyncio": subjects.state_layer(asyncio=True, breaker=BreakerPolicy()),
}


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory, port):
    """The server, and one Sentinel that knows it."""
    folder = tmp_path_factory.mktemp("sentinel")
    conf = folder / "sentinel.conf"
    conf.write_text(f"sentinel monitor arbredis 127.0.0.1 {port} 1\n")
    address = ("127.0.0.1", port)
    with started(folder, str(conf), "--sentinel") as sentinel_port:
        yield Endpoints(primary=address, sentinels=(("127.0.0.1", sentinel_port),), nodes={address: "n0"})


@pytest.fixture(params=SUBJECTS)
def session(request, endpoints):
    with session_of(SUBJECTS[request.param], endpoints) as session:
        session.apply(op("write", "k", ""))
        yield session


def said(answer):
    assert isinstance(answer, Answer)
    assert answer.outcome is None
    return answer.output


def test_what_was_written_is_read(session):
    assert said(session.apply(op("read", "absent"))) is None
    assert said(session.apply(op("write", "k", "v"))) == "OK"
    answer = session.apply(op("read", "k"))
    assert (said(answer), answer.node) == ("v", "n0")


def test_increments_count(session):
    session.apply(op("write", "n", "0"))
    assert [said(session.apply(op("increment", "n", 2))) for _ in range(2)] == [2, 4]


def test_every_operation_was_sent_once(session):
    session.apply(op("write", "k", "v"))
    assert session.attempts == 1
    assert session.tried == ("n0",)


def test_published_messages_are_counted(session):
    assert said(session.apply(op("PUBLISH", "c", "m"))) == 0


@pytest.mark.parametrize("asyncio", [False, True])
def test_a_write_that_nobody_confirms_says_so(port, asyncio):
    subject = subjects.state_layer(wait_replicas=1, wait_ms=20, asyncio=asyncio)
    with session_of(subject, Endpoints(primary=("127.0.0.1", port))) as session:
        answer = session.apply(op("write", "k", "v"))
        assert (answer.output, answer.confirmed, answer.wanted, answer.outcome) == ("OK", 0, 1, None)
        assert session.attempts == 1


def test_who_trusts_an_ok_calls_it_confirmed(endpoints):
    with session_of(Trusting(replicas=2), endpoints) as session:
        written, read = session.apply(op("write", "k", "v")), session.apply(op("read", "k"))
    assert (written.output, written.confirmed, written.wanted) == ("OK", 2, 2)
    assert (read.output, read.confirmed) == ("v", None)


@pytest.mark.parametrize("asyncio", [False, True])
def test_nobody_there_is_a_failure_that_sent_nothing(tmp_path, asyncio):
    with started(tmp_path) as port:
        subject = subjects.state_layer(asyncio=asyncio, within_s=0.3)
        session = subject.open(Endpoints(primary=("127.0.0.1", port)))
    try:
        answer = session.apply(op("write", "k", "v"))
        assert answer.outcome == "fail"
        assert answer.error.startswith(("UnreachableError", "DeadlineExceededError"))
        assert session.attempts == 0
        assert session.tried == (f"127.0.0.1:{port}",)
    finally:
        session.close()
