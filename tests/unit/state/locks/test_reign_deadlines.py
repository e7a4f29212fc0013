"""To ask whose reign it is takes no longer than the call that asks, and says who asks where Sentinels want to know."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import ExitStack

import pytest

from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.errors import StateError
from pytest_arbredis.state.locks.lock import AsyncFencedLock, FencedLock
from pytest_arbredis.state.locks.reign import AsyncSentinelReigns, SentinelReigns


class Nobody:
    """Where nothing may be asked: the reign is not known."""

    def run(self, *_, **__):
        raise AssertionError


@pytest.fixture
def silent():
    """Three Sentinels that are stopped: connections are made, and nothing is ever said."""
    with ExitStack() as stack:
        listening = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        yield tuple(one.getsockname() for one in listening)


def acquire_in_a_thread(settings):
    FencedLock(Nobody(), "l", reigns=SentinelReigns(settings)).acquire(within_s=0.2)


def acquire_in_a_task(settings):
    asyncio.run(AsyncFencedLock(Nobody(), "l", reigns=AsyncSentinelReigns(settings)).acquire(within_s=0.2))


@pytest.mark.parametrize("acquire", [acquire_in_a_thread, acquire_in_a_task])
def test_an_acquire_ends_in_its_time_though_no_sentinel_answers(silent, acquire):
    settings = Settings(sentinels=silent, sentinel_timeout_s=0.5)
    began = time.monotonic()
    with pytest.raises(StateError) as raised:
        acquire(settings)
    assert raised.value.applied == "no"
    assert 0.15 < time.monotonic() - began < 0.45


def test_a_sentinel_with_a_password_is_given_it():
    heard = []

    def sentinel(server):
        connection, _ = server.accept()
        with connection:
            heard.append(connection.recv(4096))
            connection.sendall(b"+OK\r\n*4\r\n$5\r\nrunid\r\n$3\r\nabc\r\n$12\r\nconfig-epoch\r\n$1\r\n7\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        answering = threading.Thread(target=sentinel, args=(server,))
        answering.start()
        settings = Settings(
            sentinels=(server.getsockname(),),
            sentinel_username="bot",
            sentinel_password="pw",  # noqa: S106 - a test's
            tls=True,
        )
        assert SentinelReigns(settings).present().epoch == 7
        answering.join()
    assert b"AUTH\r\n$3\r\nbot\r\n$2\r\npw\r\n" in heard[0]
