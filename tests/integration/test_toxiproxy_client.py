"""The client against a real Toxiproxy: every call does what it says, and two servers at once do not mix."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_arbredis.errors import ControlError, PortTakenError
from pytest_arbredis.proxy.client import ToxiproxyClient
from pytest_arbredis.proxy.control import ProxyState, ToxicState
from pytest_arbredis.proxy.toxics import LatencyToxic, LimitBytes, ResetPeer
from pytest_arbredis.servers.launcher import ServerSpec
from pytest_arbredis.servers.ports import claim
from pytest_arbredis.servers.toxiproxy import (
    VERSION,
    await_toxiproxy,
    config_json,
    find_toxiproxy,
    identity_proxy,
    toxiproxy_args,
)
from pytest_arbredis.testing.null_control import NullControl


class Started:
    """A Toxiproxy started here, as far as waiting for it looks at it."""

    def __init__(self, spec, process, log_path):
        self.spec = spec
        self.log_path = log_path
        self.pid = process.pid
        self._process = process

    def exit_status(self):
        return self._process.poll()

    def log_tail(self, lines=10):
        return "\n".join(self.log_path.read_text().splitlines()[-lines:])


@contextlib.contextmanager
def toxiproxy(folder, port, proxies=None):
    """A running Toxiproxy with these proxies, its nonce, and its client; not waited for."""
    nonce = secrets.token_hex(4)
    folder.mkdir()
    config = folder / "proxies.json"
    config.write_text(config_json(proxies or {}, nonce=nonce))
    args = toxiproxy_args(port, config)
    log_path = folder / "toxiproxy.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen([find_toxiproxy(), *args], stdout=log, stderr=log)
    spec = ServerSpec(name="toxiproxy", kind="toxiproxy", args=args, directory=folder, port=port)
    client = ToxiproxyClient(("127.0.0.1", port))
    try:
        yield Started(spec, process, log_path), nonce, client
    finally:
        client.close()
        process.kill()
        process.wait()


class Echo:
    """An upstream that sends back what it gets, behind a word of its own."""

    def __init__(self, word):
        self.word = word
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection,))
                thread.start()
                self._threads.append(thread)

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(4096):
                connection.sendall(self.word + data)

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()


@pytest.fixture
def slot():
    with claim(16) as slot:
        yield slot


@pytest.fixture
def echo():
    echo = Echo(b"one:")
    yield echo
    echo.close()


@pytest.fixture
def proxied(slot):
    return f"127.0.0.1:{slot.take()}"


@pytest.fixture
def started(tmp_path, slot, echo, proxied):
    with toxiproxy(tmp_path / "toxiproxy", slot.take(), {"n0": (proxied, echo.address)}) as (server, nonce, client):
        await_toxiproxy(server, client, nonce=nonce)
        yield nonce, client


@pytest.fixture
def control(started):
    return started[1]


@contextlib.contextmanager
def connected(address):
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        yield connection


def said(connection, text=b"hello"):
    """What comes back for a text: b'' for an end, 'reset' for a reset."""
    try:
        connection.sendall(text)
        return connection.recv(4096)
    except ConnectionResetError:
        return "reset"


def asked(address, text=b"hello"):
    try:
        with connected(address) as connection:
            return said(connection, text)
    except ConnectionRefusedError:
        return "refused"


def test_all_proxies_of_the_configuration_are_there_at_the_start(started, echo, proxied):
    nonce, control = started
    assert control.version() == VERSION
    states = control.proxies()
    assert states["n0"] == ProxyState(name="n0", listen=proxied, upstream=echo.address, enabled=True)
    assert states[identity_proxy(nonce)].enabled is False
    assert asked(proxied) == b"one:hello"


def test_a_proxy_is_created_and_deleted(control, echo, slot):
    address = f"127.0.0.1:{slot.take()}"
    control.create("n1", address, echo.address)
    assert asked(address) == b"one:hello"
    with pytest.raises(ControlError, match="proxy already exists"):
        control.create("n1", f"127.0.0.1:{slot.take()}", echo.address)
    control.delete("n1")
    assert asked(address) == "refused"
    assert "n1" not in control.proxies()


def test_a_name_with_odd_characters_is_addressed(control, echo, slot):
    control.create("n 1?#%", f"127.0.0.1:{slot.take()}", echo.address)
    control.disable("n 1?#%")
    assert control.proxies()["n 1?#%"].enabled is False
    control.delete("n 1?#%")


def test_disabled_means_old_connections_end_and_new_ones_are_refused(control, proxied):
    with connected(proxied) as connection:
        assert said(connection) == b"one:hello"
        control.disable("n0")
        control.disable("n0")
        assert connection.recv(10) == b""
    assert asked(proxied) == "refused"
    control.enable("n0")
    control.enable("n0")
    assert asked(proxied) == b"one:hello"


def test_an_upstream_is_changed_while_the_address_stays(control, proxied):
    other = Echo(b"two:")
    try:
        control.set_upstream("n0", other.address)
        assert asked(proxied) == b"two:hello"
        assert control.proxies()["n0"].upstream == other.address
        assert control.proxies()["n0"].listen == proxied
    finally:
        control.set_upstream("n0", "127.0.0.1:9")
        other.close()


def test_latency_is_added_and_removed(control, proxied):
    with connected(proxied) as connection:
        control.add_toxic("n0", LatencyToxic(latency_ms=120), name="slow")
        began = time.monotonic()
        assert said(connection) == b"one:hello"
        assert 0.115 <= time.monotonic() - began < 2
        toxic = ToxicState(
            name="slow",
            type="latency",
            stream="downstream",
            toxicity=1.0,
            attributes={"latency": 120, "jitter": 0},
        )
        assert control.proxies()["n0"].toxics == (toxic,)
        control.remove_toxic("n0", "slow")
        assert control.proxies()["n0"].toxics == ()
        began = time.monotonic()
        assert said(connection) == b"one:hello"
        assert time.monotonic() - began < 0.115


def test_a_reset_peer_answers_with_a_reset(control, proxied):
    control.add_toxic("n0", ResetPeer(), name="cut")
    assert asked(proxied) == "reset"


def test_a_limit_of_0_bytes_swallows_the_next_reply_of_a_live_connection(control, proxied):
    with connected(proxied) as connection:
        assert said(connection) == b"one:hello"
        control.add_toxic("n0", LimitBytes(bytes=0), name="cut")
        assert said(connection) == b""


def test_a_limit_lets_so_many_bytes_through(control, proxied):
    control.add_toxic("n0", LimitBytes(bytes=5), name="cut")
    assert asked(proxied) == b"one:h"


def test_a_toxicity_of_0_meets_no_connection(control, proxied):
    control.add_toxic("n0", ResetPeer(), name="cut", toxicity=0.0)
    assert asked(proxied) == b"one:hello"
    assert control.proxies()["n0"].toxics[0].toxicity == 0.0


def test_reset_enables_all_proxies_and_removes_all_toxics(control, proxied):
    control.add_toxic("n0", ResetPeer(), name="cut")
    control.add_toxic("n0", LatencyToxic(latency_ms=5), name="slow")
    control.disable("n0")
    control.reset()
    state = control.proxies()["n0"]
    assert (state.enabled, state.toxics) == (True, ())
    assert asked(proxied) == b"one:hello"


def test_a_refusal_says_why(control, echo):
    with pytest.raises(ControlError, match="proxy not found"):
        control.disable("n7")
    with pytest.raises(ControlError, match="toxic not found"):
        control.remove_toxic("n0", "nothing")
    control.add_toxic("n0", ResetPeer(), name="cut")
    with pytest.raises(ControlError, match="toxic already exists"):
        control.add_toxic("n0", ResetPeer(), name="cut")
    with pytest.raises(ControlError, match=r"HTTP 500.*address already in use"):
        control.create("n2", echo.address, echo.address)


def test_the_null_control_changes_nothing(control, proxied):
    before = control.proxies()
    null = NullControl(control)
    null.add_toxic("n0", ResetPeer(), name="cut")
    null.disable("n0")
    null.set_upstream("n0", "127.0.0.1:9")
    null.delete("n0")
    assert null.proxies() == control.proxies() == before
    assert asked(proxied) == b"one:hello"


def test_two_servers_at_once_do_not_mix(tmp_path, slot, control, echo):
    with toxiproxy(tmp_path / "other", slot.take()) as (server, nonce, other):
        await_toxiproxy(server, other, nonce=nonce)
        other.create("m0", f"127.0.0.1:{slot.take()}", echo.address)
        assert "m0" not in control.proxies()
        assert "n0" not in other.proxies()


def test_a_client_is_used_by_many_threads(control):
    def toggle(number):
        control.add_toxic("n0", LatencyToxic(latency_ms=number), name=f"t{number}")
        seen = {toxic.name: toxic.attributes["latency"] for toxic in control.proxies()["n0"].toxics}
        control.remove_toxic("n0", f"t{number}")
        return seen[f"t{number}"] == number

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(toggle, range(40)))
    assert control.proxies()["n0"].toxics == ()


def test_a_port_that_another_toxiproxy_has_is_reported_with_its_owner(tmp_path, started):
    _, control = started
    taken = control.address[1]
    with toxiproxy(tmp_path / "second", taken) as (server, nonce, client):
        with pytest.raises(PortTakenError, match=rf"port {taken} is taken by pid \d+ .*toxiproxy"):
            await_toxiproxy(server, client, nonce=nonce)
        assert server.exit_status() is None, "it lives on, which is why this must be found out"


def test_a_port_that_a_stranger_has_is_reported(tmp_path, echo):
    port = int(echo.address.rpartition(":")[2])
    with (
        toxiproxy(tmp_path / "second", port) as (server, nonce, client),
        pytest.raises(PortTakenError, match=rf"port {port} is taken by pid"),
    ):
        await_toxiproxy(server, client, nonce=nonce)


def test_a_proxy_whose_port_is_taken_is_reported(tmp_path, slot, echo):
    proxies = {"n0": (echo.address, "127.0.0.1:9")}
    with (
        toxiproxy(tmp_path / "second", slot.take(), proxies) as (server, nonce, client),
        pytest.raises(PortTakenError, match=rf"port {echo.address.rpartition(':')[2]} is taken by pid"),
    ):
        await_toxiproxy(server, client, nonce=nonce)


def test_a_toxiproxy_that_is_stopped_is_given_up_at_the_deadline(tmp_path, slot):
    with toxiproxy(tmp_path / "stopped", slot.take()) as (server, nonce, client):
        await_toxiproxy(server, client, nonce=nonce)
        os.kill(server.pid, signal.SIGSTOP)
        os.waitpid(server.pid, os.WUNTRACED)  # until all of its threads have stopped
        impatient = ToxiproxyClient(client.address, deadline_s=0.2)
        began = time.monotonic()
        with pytest.raises(ControlError, match="did not answer within"):
            impatient.reset()
        assert time.monotonic() - began < 1.2
