"""The probe tells how a PING ended: answered, refused, reset, closed or silent."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager

import pytest

from pytest_arbredis.faults.probe import contrast, ping
from pytest_arbredis.servers.login import Login


@contextmanager
def server(answer):
    """Accepts connections on loopback and lets `answer` deal with each."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            try:
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        answer(connection)
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    assert not thread.is_alive()


def pongs(connection):
    while connection.recv(64):
        connection.sendall(b"+PONG\r\n")


def error(connection):
    while connection.recv(64):
        connection.sendall(b"-LOADING Redis is loading the dataset in memory\r\n")


def in_pieces(connection):
    connection.recv(64)
    connection.sendall(b"+PO")
    connection.sendall(b"NG\r\n")


def closes(connection):
    connection.recv(64)
    connection.sendall(b"+PO")


def resets(connection):
    connection.recv(64)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def says_nothing(connection):
    connection.recv(64)
    connection.settimeout(5)
    connection.recv(64)


@pytest.mark.parametrize(
    ("answer", "ending", "received"),
    [
        (pongs, "answered", 7),
        (error, "answered", 49),
        (in_pieces, "answered", 7),
        (closes, "closed", 3),
        (resets, "reset", 0),
        (says_nothing, "silent", 0),
    ],
    ids=["pong", "error", "pieces", "closed", "reset", "silent"],
)
def test_the_ending_of_a_ping(answer, ending, received):
    with server(answer) as address:
        found = ping(address, timeout_s=0.3)
    assert (found.ending, found.received, found.answered) == (ending, received, ending == "answered")
    assert found.after_ms >= (300 if ending == "silent" else 0)


def test_nobody_there_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    assert ping(address).ending == "refused"


def test_the_fastest_of_several_rounds_counts():
    with server(pongs) as address:
        found = ping(address, rounds=20)
    assert found.ending == "answered"
    assert found.received == 20 * 7
    assert 0 < found.after_ms <= found.median_ms


def test_a_contrast_is_of_the_link_and_the_server_behind_it():
    class Node:
        login = direct_login = Login()

    node = Node()
    with server(pongs) as direct, server(closes) as proxied:
        node.direct, node.proxied = direct, proxied
        found = contrast(node)
    assert found.direct.answered
    assert found.through.ending == "closed"
