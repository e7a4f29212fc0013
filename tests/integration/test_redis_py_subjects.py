"""redis-py's subjects, of threads and of asyncio, against a real server."""

from __future__ import annotations

import re
import socket

import pytest
import redis
from small_servers import SERVER, free_port, op, session_of, started

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header
from pytest_arbredis.load.outcomes import classify
from pytest_arbredis.load.protocol import Answer, CountsAttempts, Endpoints
from pytest_arbredis.load.runner import run_load
from pytest_arbredis.load.workloads import commands, increments, unique_writes
from pytest_arbredis.subjects import redis_py
from pytest_arbredis.subjects.redis_py_client import COMMAND_NAME

pytestmark = pytest.mark.skipif(SERVER is None, reason="no redis-server on PATH")


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(scope="module")
def sentinel_port(tmp_path_factory, port):
    folder = tmp_path_factory.mktemp("sentinel")
    conf = folder / "sentinel.conf"
    conf.write_text(f"sentinel monitor arbredis 127.0.0.1 {port} 1\n")
    with started(folder, str(conf), "--sentinel") as sentinel_port:
        yield sentinel_port


@pytest.fixture
def endpoints(port, sentinel_port):
    return Endpoints(
        primary=("127.0.0.1", port), sentinels=(("127.0.0.1", sentinel_port),), nodes={("127.0.0.1", port): "n0"}
    )


@pytest.fixture
def client(port):
    with redis.Redis(port=port) as client:
        client.flushall()
        yield client


SUBJECTS = [
    *(redis_py.sentinel(), redis_py.direct(), redis_py.from_url(), redis_py.pool()),
    *(redis_py.async_sentinel(), redis_py.async_direct(), redis_py.async_from_url(), redis_py.async_pool()),
]


def named(subject):
    return subject.name.split(" ", 2)[2]


def awaited(session, made):
    """What a session's client gives, at once or, with asyncio, in its loop."""
    return session._ask(made) if session._subject.asyncio else made


@pytest.mark.parametrize("subject", SUBJECTS, ids=named)
def test_every_construction_answers_every_operation_and_counts_its_sends(subject, endpoints, client):
    with session_of(subject, endpoints) as session:
        assert isinstance(session, CountsAttempts)
        for name, value, output in (
            ("read", None, None),
            ("write", "v", "OK"),
            ("read", None, "v"),
            ("SET", b"\xff", "OK"),
            ("GET", None, b"\xff"),
            ("PUBLISH", "m", 0),
            ("PING", None, "PONG"),
        ):
            assert session.apply(op(name, value=value)) == Answer(output=output, node="n0")
            assert (session.attempts, session.tried) == (1, ("n0",))
        assert session.apply(op("increment", "counter", 1)).output == 1
        assert session.apply(op("increment", "counter", 4)).output == 5
    assert client.get("counter") == b"5"


@pytest.mark.parametrize("subject", [redis_py.pool(), redis_py.async_pool()], ids=named)
def test_handshakes_and_health_checks_are_not_counted(subject, endpoints, client):
    with session_of(subject, endpoints) as session:
        session.apply(op("write", value="v"))
        (connection,) = session._client.connection_pool._available_connections
        if subject.asyncio:  # redis-py 8.1's does not heed that an idle connection was closed
            awaited(session, connection.disconnect())
        else:
            client.client_kill_filter(_type="normal", skipme=True)
        assert session.apply(op("read")).output == "v"
        assert (session.attempts, session.tried) == (1, ("n0",))
        connection.health_check_interval = 1
        connection.next_health_check = 0
        assert session.apply(op("read")).output == "v"
        assert (session.attempts, session.tried) == (1, ("n0",))


@pytest.mark.parametrize("subject", [redis_py.pool(), redis_py.async_pool()], ids=named)
def test_a_refused_connection_is_no_send_but_was_tried(subject, endpoints):
    nobody = free_port()
    with session_of(subject, endpoints) as session:
        awaited(session, session._client.connection_pool.disconnect())
        for connection in session._client.connection_pool._available_connections:
            connection.port = nobody
        with pytest.raises(redis.ConnectionError) as caught:
            session.apply(op("write", value="v"))
        assert (session.attempts, session.tried) == (0, (f"127.0.0.1:{nobody}",))
        assert classify(caught.value, attempts=session.attempts) == "fail"


def test_an_operation_that_it_does_not_know_is_a_usage_error(endpoints):
    with (
        session_of(redis_py.direct(), endpoints) as session,
        pytest.raises(UsageError, match="unknown operation 'eat'"),
    ):
        session.apply(op("eat"))


def test_a_value_that_cannot_be_written_is_a_usage_error(endpoints):
    with session_of(redis_py.direct(), endpoints) as session, pytest.raises(UsageError, match="write of None"):
        session.apply(op("write"))


def monitored(port):
    """Connected to MONITOR; gives a function that reads until `end` and returns (client, command) pairs."""
    stream = socket.create_connection(("127.0.0.1", port), timeout=15)
    stream.sendall(b"MONITOR\r\n")
    file = stream.makefile("rb")
    assert file.readline() == b"+OK\r\n"

    def until(end):
        seen = []
        for line in file:
            match = re.match(rb'\+[\d.]+ \[0 ([\d.:]+)\] "(\w+)"(?: "([^"]*)")?', line)
            assert match, line
            seen.append((match[1], match[2].decode().upper()))
            if match[3] == end:
                break
        file.close()
        stream.close()
        return seen

    return until


@pytest.mark.parametrize("others", [1, 4])
@pytest.mark.parametrize("make", [redis_py.sentinel, redis_py.async_sentinel])
def test_wait_goes_over_the_connection_of_its_write(endpoints, client, port, make, others):
    """Proved by the server: MONITOR names each command's connection."""
    seen = monitored(port)
    with session_of(make(wait_replicas=1, wait_ms=5), endpoints) as session:
        pool = session._client.connection_pool
        for connection in [awaited(session, pool.get_connection(*COMMAND_NAME)) for _ in range(others)]:
            awaited(session, pool.release(connection))
        for number in range(10):
            answer = session.apply(op("write", f"k{number}", "v"))
            assert answer == Answer(output="OK", confirmed=0, wanted=1, node="n0")
            assert session.attempts == 1
        assert session.apply(op("increment", "n", 1)).confirmed == 0
    client.echo("the end")
    pairs = [entry for entry in seen(b"the end") if entry[1] in {"SET", "INCRBY", "WAIT"}]
    assert len(pairs) == 22
    for write, wait in zip(pairs[::2], pairs[1::2], strict=True):
        assert (write[0], wait[1]) == (wait[0], "WAIT")


@pytest.mark.parametrize("make", [redis_py.sentinel, redis_py.async_sentinel])
def test_a_read_is_not_followed_by_wait(endpoints, client, make):
    with session_of(make(wait_replicas=1, wait_ms=5), endpoints) as session:
        assert session.apply(op("read")) == Answer(node="n0")
        assert session.attempts == 1
    assert client.info("commandstats").get("cmdstat_get")


def test_replicas_that_confirm_are_counted(endpoints, client, port, tmp_path):
    client.config_set("repl-diskless-sync", "no")  # else the primary waits 5 s for more replicas
    with started(tmp_path, "--replicaof", "127.0.0.1", str(port)):
        wait_until(
            lambda: client.info("replication").get("slave0", {}).get("state") == "online",
            within_s=20,
            what="the replica to be online",
        )
        for make in (redis_py.sentinel, redis_py.async_sentinel):
            with session_of(make(wait_replicas=1, wait_ms=900), endpoints) as session:
                assert session.apply(op("write", value="v")) == Answer(output="OK", confirmed=1, wanted=1, node="n0")


@pytest.mark.parametrize("workload", [unique_writes(200, 4, 0.3), increments(100, 2), commands(rate_hz=400)])
@pytest.mark.parametrize("subject", [redis_py.sentinel(), redis_py.async_sentinel()], ids=named)
def test_a_load_on_a_real_server_is_applied_as_recorded(endpoints, client, tmp_path, subject, workload):
    with Recorder(tmp_path / "history.jsonl", Header(run="r")) as recorder:
        report = run_load(workload, subject, endpoints, recorder, seed=1, seconds=0.5, run="r")
    history = recorder.close()
    applied = [op for op in history.ops if op.outcome == "ok"]
    assert report.ok == len(applied) == report.planned - report.not_sent  # a busy machine may not send the last ones
    assert len(history.ops) == report.planned
    stored = {op.key: op.input for op in applied if op.name in {"write", "increment"}}
    assert stored == {
        key: (client.get(key).decode() if isinstance(value, str) else int(client.get(key)))
        for key, value in stored.items()
    }
    assert {op.attempts for op in applied if op.name != "PING"} == {1}


def test_misuse_is_refused_at_definition():
    for make, message in (
        (lambda: redis_py.sentinel(wait_replicas=-1), "wait_replicas is -1"),
        (lambda: redis_py.sentinel(wait_replicas=1, wait_ms=0), "wait_ms is 0"),
        (lambda: redis_py.sentinel(wait_replicas=1, wait_ms=2000, socket_timeout_s=1), "wait_ms is 2000"),
        (lambda: redis_py.direct(socket_timeout_s=0), "socket_timeout_s is 0"),
        (lambda: redis_py.direct(retries=-1), "retries is -1"),
        (lambda: redis_py.async_direct(deadline_s=0), "deadline_s is 0"),
        (lambda: redis_py.RedisPy(construction="from_url", deadline_s=1), "deadline_s is 1 and asyncio is False"),
    ):
        with pytest.raises(UsageError, match=message):
            make()
