"""The client against servers that are not Toxiproxy: every call ends in time, with an error that says why."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pytest_arbredis.errors import ControlError, UsageError
from pytest_arbredis.proxy.client import ToxiproxyClient
from pytest_arbredis.proxy.toxics import LatencyToxic
from pytest_arbredis.testing.null_control import NullControl

if TYPE_CHECKING:
    from pytest_arbredis.proxy.control import Control

DEADLINE_S = 0.15

CALLS = {
    "version": lambda client: client.version(),
    "proxies": lambda client: client.proxies(),
    "create": lambda client: client.create("n0", "127.0.0.1:1", "127.0.0.1:2"),
    "delete": lambda client: client.delete("n0"),
    "enable": lambda client: client.enable("n0"),
    "disable": lambda client: client.disable("n0"),
    "set_upstream": lambda client: client.set_upstream("n0", "127.0.0.1:3"),
    "add_toxic": lambda client: client.add_toxic("n0", LatencyToxic(latency_ms=1), name="t"),
    "remove_toxic": lambda client: client.remove_toxic("n0", "t"),
    "reset": lambda client: client.reset(),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@contextlib.contextmanager
def serving(answer):
    """A server that calls `answer(connection, ended)` for each connection, in a thread, and its address."""
    ended = threading.Event()
    threads = []

    def serve_one(connection):
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            answer(connection, ended)

    def accept():
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=serve_one, args=(connection,))
            thread.start()
            threads.append(thread)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.02)
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield listener.getsockname()
        finally:
            ended.set()
            acceptor.join()
            for thread in threads:
                thread.join()


def replying(text):
    return lambda connection, _ended: connection.sendall(text)


def http(status, body):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def hanging(_connection, ended):
    ended.wait(10)


def trickling(prefix):
    def answer(connection, ended):
        connection.sendall(prefix)
        while not ended.wait(0.02):
            connection.sendall(b"x")

    return answer


def failure_of(call, answer):
    with serving(answer) as address:
        client = ToxiproxyClient(address, deadline_s=DEADLINE_S)
        began = time.monotonic()
        with pytest.raises(ControlError) as caught:
            call(client)
        took = time.monotonic() - began
    assert took < DEADLINE_S + 1, "the deadline holds, with room for a loaded machine"
    assert caught.value.remedy
    assert caught.value.__cause__ is not None
    return caught.value


@every_call
def test_a_server_that_hangs_is_given_up_at_the_deadline(call):
    assert "did not answer within 0.15 s" in failure_of(call, hanging).cause


@pytest.mark.parametrize("name", ["proxies", "add_toxic"])
@pytest.mark.parametrize(
    "answer",
    [
        trickling(b""),
        trickling(b"HTTP/1.1 200 OK\r\nX-Slow: "),
        trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
        trickling(b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
    ids=["status-line", "header", "body", "without-end"],
)
def test_a_server_that_trickles_is_given_up_at_the_deadline(name, answer):
    """Each byte comes well within any time-out per read."""
    assert "did not answer within 0.15 s" in failure_of(CALLS[name], answer).cause


def test_two_requests_of_one_call_share_one_deadline():
    described = '{"name": "n0", "listen": "", "upstream": "", "enabled": true, "toxics": []}'

    def late(connection, ended):
        ended.wait(0.8 * DEADLINE_S)
        connection.sendall(http("200 OK", described))

    assert "did not answer within 0.15 s" in failure_of(CALLS["disable"], late).cause


@every_call
def test_a_server_error_is_an_error_with_its_message(call):
    failure = failure_of(call, replying(http("500 Internal Server Error", '{"error": "broken inside"}')))
    assert "HTTP 500" in failure.cause
    assert "broken inside" in failure.cause


GARBAGE = {
    "not-http": b"-ERR unknown command 'GET'\r\n",
    "not-json": http("200 OK", "<html>hello</html>"),
    "json-of-another-shape": http("200 OK", "[1, 2]"),
    "json-without-the-fields": http("200 OK", '{"n0": {"name": "n0"}}'),
    "too-short": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "closed-at-once": b"",
}


@pytest.mark.parametrize("name", [name for name in CALLS if name != "reset"])
@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_an_error(name, garbage):
    """A reset has no body to look at: a 200 is all that it can be judged by."""
    failure_of(CALLS[name], replying(garbage))


def test_an_answer_without_end_is_not_kept_in_memory():
    def flood(connection, _ended):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b" " * 9_000_000)

    with serving(flood) as address, pytest.raises(ControlError, match="longer than"):
        ToxiproxyClient(address, deadline_s=5).proxies()


def test_a_change_that_the_answer_does_not_show_is_an_error():
    described = '{"name": "n0", "listen": "", "upstream": "", "enabled": true, "toxics": []}'
    failure = failure_of(CALLS["disable"], replying(http("200 OK", described)))
    assert "'enabled': True" in failure.cause


@every_call
def test_no_server_is_an_error_that_names_the_address(call):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    with pytest.raises(ControlError, match=f"127.0.0.1:{address[1]}.*refused"):
        call(ToxiproxyClient(address))


@every_call
def test_a_closed_client_refuses_every_call(call):
    client = ToxiproxyClient(("127.0.0.1", 1))
    client.close()
    client.close()
    with pytest.raises(ControlError, match="closed"):
        call(client)


@pytest.mark.parametrize("name", ["", "a/b"])
def test_names_that_toxiproxy_cannot_address_are_refused(name):
    client = ToxiproxyClient(("127.0.0.1", 1))
    for call in (client.delete, client.enable, client.disable):
        with pytest.raises(UsageError, match="name of a proxy"):
            call(name)
    with pytest.raises(UsageError, match="name of a proxy"):
        client.create(name, "127.0.0.1:1", "127.0.0.1:2")


@pytest.mark.parametrize("toxicity", [-0.1, 1.1])
def test_a_share_outside_of_0_to_1_is_refused(toxicity):
    with pytest.raises(UsageError, match="toxicity"):
        ToxiproxyClient(("127.0.0.1", 1)).add_toxic("n0", LatencyToxic(latency_ms=1), name="t", toxicity=toxicity)


def test_the_package_keeps_its_own_address():
    from toxiproxy.api import APIConsumer

    with contextlib.suppress(ControlError):
        ToxiproxyClient(("127.0.0.1", 1)).proxies()
    assert (APIConsumer.host, APIConsumer.port) == ("127.0.0.1", 8474)


def test_importing_the_client_imports_neither_the_package_nor_requests():
    code = (
        "import sys, pytest_arbredis.proxy.client, pytest_arbredis.proxy.toxics;"
        "print(sorted({'toxiproxy', 'requests', 'future'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Refusing:
    """A control whose proxies can be read, and that fails on everything else."""

    def proxies(self):
        return {"n0": "seen"}

    def version(self):
        return "1.0"


def test_the_null_control_reads_and_changes_nothing():
    control: Control = NullControl(Refusing())
    for name, call in CALLS.items():
        if name not in {"version", "proxies"}:
            assert call(control) is None
    control.close()
    assert control.proxies() == {"n0": "seen"}
    assert control.version() == "1.0"
