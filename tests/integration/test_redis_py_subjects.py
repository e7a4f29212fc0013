"""redis-py's subjects against a real server, and against one that loses replies."""

from __future__ import annotations

import re
import shutil
import socket
import socketserver
import subprocess
import threading
from contextlib import contextmanager

import pytest
import redis

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header
from pytest_arbredis.load.outcomes import classify
from pytest_arbredis.load.protocol import Answer, CountsAttempts, Endpoints, Invocation
from pytest_arbredis.load.runner import run_load
from pytest_arbredis.load.workloads import commands, increments, unique_writes
from pytest_arbredis.subjects import redis_py
from pytest_arbredis.subjects.redis_py_session import _COMMAND_NAME

SERVER = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(SERVER is None, reason="no redis-server on PATH")


def free_port():
    for port in range(31000, 32000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                try:
                    probe.close()
                    with socket.socket() as bound:
                        bound.bind(("127.0.0.1", port))
                        return port
                except OSError:
                    continue
    raise AssertionError("no free port from 31000 to 31999")


def answers(port):
    try:
        with redis.Redis(port=port, retry=None) as client:
            return client.ping()
    except redis.RedisError:
        return False


@contextmanager
def started(folder, *args):
    port = free_port()
    command = [SERVER, *args, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: process.poll() is not None or answers(port), within_s=15, what="redis-server to answer")
        assert process.poll() is None
        yield port
    finally:
        process.kill()
        process.wait()


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


@contextmanager
def session_of(subject, endpoints):
    session = subject.open(endpoints)
    try:
        yield session
    finally:
        session.close()


SUBJECTS = [redis_py.sentinel(), redis_py.direct(), redis_py.from_url(), redis_py.pool()]


def op(name, key="k", value=None):
    return Invocation(id=0, name=name, key=key, input=value)


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.construction)
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


def test_handshakes_and_health_checks_are_not_counted(endpoints, client):
    with session_of(redis_py.pool(), endpoints) as session:
        session.apply(op("write", value="v"))
        client.client_kill_filter(_type="normal", skipme=True)
        assert session.apply(op("read")).output == "v"
        assert (session.attempts, session.tried) == (1, ("n0",))
        (connection,) = session._client.connection_pool._available_connections
        connection.health_check_interval = 1
        connection.next_health_check = 0
        assert session.apply(op("read")).output == "v"
        assert (session.attempts, session.tried) == (1, ("n0",))


def test_a_refused_connection_is_no_send_but_was_tried(endpoints):
    nobody = free_port()
    with session_of(redis_py.pool(), endpoints) as session:
        session._client.connection_pool.disconnect()
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


@pytest.mark.parametrize("threads", [1, 4])
def test_wait_goes_over_the_connection_of_its_write(endpoints, client, port, threads):
    """Proved by the server: MONITOR names each command's connection."""
    subject = redis_py.sentinel(wait_replicas=1, wait_ms=5)
    seen = monitored(port)
    with session_of(subject, endpoints) as session:
        others = [session._client.connection_pool.get_connection(*_COMMAND_NAME) for _ in range(threads)]
        for other in others:
            session._client.connection_pool.release(other)
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


def test_a_read_is_not_followed_by_wait(endpoints, client):
    with session_of(redis_py.sentinel(wait_replicas=1, wait_ms=5), endpoints) as session:
        assert session.apply(op("read")) == Answer(node="n0")
        assert session.attempts == 1
    assert client.info("commandstats").get("cmdstat_get")


def test_replicas_that_confirm_are_counted(endpoints, client, port, tmp_path):
    with started(tmp_path, "--replicaof", "127.0.0.1", str(port), "--repl-diskless-sync-delay", "0"):
        wait_until(
            lambda: client.info("replication").get("slave0", {}).get("state") == "online",
            within_s=20,
            what="the replica to be online",
        )
        with session_of(redis_py.sentinel(wait_replicas=1, wait_ms=900), endpoints) as session:
            assert session.apply(op("write", value="v")) == Answer(output="OK", confirmed=1, wanted=1, node="n0")


class Stub(socketserver.ThreadingTCPServer):
    """A server that executes commands, and loses the replies (by closing) of those in `loses`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *loses):
        super().__init__(("127.0.0.1", 0), StubConnection)
        self.loses = loses
        self.executed: list[str] = []
        self.connections = 0


class StubConnection(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.connections += 1
        while line := self.rfile.readline():
            args = []
            for _ in range(int(line[1:])):
                self.rfile.readline()
                args.append(self.rfile.readline().strip().decode().upper())
            self.server.executed.append(args[0])
            if args[0] in self.server.loses:
                return
            replies = {
                "PING": "+PONG",
                "INCRBY": ":1",
                "WAIT": ":2",
                "SET": "+OK",
                "GET": "$-1",
                "HELLO": "%1\r\n+proto\r\n:3",
            }
            self.wfile.write(f"{replies.get(args[0], '+OK')}\r\n".encode())


@contextmanager
def stub(*loses):
    server = Stub(*loses)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server, Endpoints(primary=server.server_address, nodes={server.server_address: "stub"})
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


SENT_IN_ALL = {5: 1, 6: 4, 7: 4, 8: 11}[int(redis.__version__.split(".")[0])]


@pytest.mark.parametrize(
    ("subject", "times"),
    [(redis_py.direct(), SENT_IN_ALL), (redis_py.from_url(), 1), (redis_py.pool(), 1), (redis_py.pool(retries=2), 3)],
    ids=lambda value: getattr(value, "name", value),
)
def test_how_often_a_construction_repeats_what_was_not_answered(subject, times):
    with stub("INCRBY") as (server, endpoints), session_of(subject, endpoints) as session:
        with pytest.raises(redis.ConnectionError) as caught:
            session.apply(op("increment", value=1))
        assert server.executed.count("INCRBY") == times
        assert (session.attempts, session.tried) == (times, ("stub",))
        assert classify(caught.value, attempts=session.attempts) == "unknown"


def test_a_write_whose_wait_is_lost_is_applied_and_unconfirmed():
    with stub("WAIT") as (server, endpoints):
        subject = redis_py.RedisPy(construction="Redis(host, port)", wait_replicas=2)
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


@pytest.mark.parametrize("workload", [unique_writes(200, 4, 0.3), increments(100, 2), commands(rate_hz=400)])
def test_a_load_on_a_real_server_is_applied_as_recorded(endpoints, client, tmp_path, workload):
    with Recorder(tmp_path / "history.jsonl", Header(run="r")) as recorder:
        report = run_load(workload, redis_py.sentinel(), endpoints, recorder, seed=1, seconds=0.5, run="r")
    history = recorder.close()
    assert report.ok == report.planned == len(history.ops)
    stored = {op.key: op.input for op in history.ops if op.name in {"write", "increment"}}
    assert stored == {
        key: (client.get(key).decode() if isinstance(value, str) else int(client.get(key)))
        for key, value in stored.items()
    }
    assert {op.attempts for op in history.ops if op.name != "PING"} == {1}


def test_misuse_is_refused_at_definition():
    for make, message in (
        (lambda: redis_py.sentinel(wait_replicas=-1), "wait_replicas is -1"),
        (lambda: redis_py.sentinel(wait_replicas=1, wait_ms=0), "wait_ms is 0"),
        (lambda: redis_py.sentinel(wait_replicas=1, wait_ms=2000, socket_timeout_s=1), "wait_ms is 2000"),
        (lambda: redis_py.direct(socket_timeout_s=0), "socket_timeout_s is 0"),
        (lambda: redis_py.direct(retries=-1), "retries is -1"),
    ):
        with pytest.raises(UsageError, match=message):
            make()
