"""How bytes pass a link, seen by fresh connections: do they arrive, how fast, in what pieces, and how does it end."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_arbredis._dials import harness_dials

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

    from pytest_arbredis.topology.node import Node

SILENT_S = 0.3
"""How long a probe waits for the reply that must not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What became of one request through the proxy: did it arrive at the server, and what came back after how long.

    `arrived` is None if nobody can tell: the handshake of TLS, which comes before it, was not answered. `well` is False
    if the server did not answer when asked directly.
    """

    arrived: bool | None
    reply: Literal["came", "silent", "closed"]
    after_ms: float
    well: bool = True


def errand(node: Node) -> Errand:
    """Send one request through a node's proxy, and ask the server directly whether it came.

    It is one that nobody else sends, and that a Sentinel knows too. CLIENT LIST names the last command of each
    connection, even if it was refused for want of a password.
    """
    import redis

    began = time.perf_counter()
    try:
        before = {number for number, _ in _last_commands(node)}
        with _dialled(node, through=True, timeout_s=SILENT_S) as connection:
            began = time.perf_counter()
            connection.sendall(_request(b"ACL", b"WHOAMI"))
            reply = _reply(connection)
            after_ms = _since_ms(began)
            latest = [command for number, command in _last_commands(node) if number not in before]
    except TimeoutError:
        return Errand(arrived=False if node.login.ca is None else None, reply="silent", after_ms=_since_ms(began))
    except OSError:
        return Errand(arrived=False, reply="closed", after_ms=_since_ms(began))
    except redis.RedisError:
        return Errand(arrived=False, reply="closed", after_ms=_since_ms(began), well=False)
    return Errand(arrived=any(command.startswith("acl") for command in latest), reply=reply, after_ms=after_ms)


def _last_commands(node: Node) -> list[tuple[int, str]]:
    return [(int(client["id"]), client.get("cmd", "")) for client in node.client.client_list()]


def _reply(connection: socket.socket) -> Literal["came", "silent", "closed"]:
    try:
        return "came" if connection.recv(4096) else "closed"
    except TimeoutError:
        return "silent"
    except OSError:
        return "closed"


def seconds_to_and_fro(client: redis.Redis, size: int) -> float | None:
    """How long `size` bytes take to the server and back; None if they do not come back. Closes the client."""
    import redis

    payload = "." * size
    try:
        client.ping()  # connected, and its handshake is over
        client.set_response_callback("PING", lambda reply, **_: reply)
        began = time.perf_counter()
        came = client.execute_command("PING", payload)
        return time.perf_counter() - began if came == payload else None
    except redis.RedisError:
        return None
    finally:
        client.close()


def pieces_of_replies(node: Node, size: int, *, rounds: int, through: bool, timeout_s: float = 1.0) -> int:
    """In how many pieces `rounds` replies of a little over `size` bytes come; 0 if one does not come."""
    payload = b"." * size
    whole = len(b"$%d\r\n%s\r\n" % (size, payload))
    pieces = 0
    try:
        with _dialled(node, through=through, timeout_s=timeout_s) as connection:
            if node.login.password is not None:
                _log_in(connection, node)
            for _ in range(rounds):
                connection.sendall(_request(b"PING", payload))
                received = 0
                while received < whole:
                    chunk = connection.recv(65536)
                    if not chunk:
                        return 0
                    received += len(chunk)
                    pieces += 1
    except OSError:
        return 0
    return pieces


def ms_until_the_end(node: Node, *, through: bool, timeout_s: float) -> float | None:
    """How long after this side has said that it sends no more the other ends the connection; None if it does not.

    Not by QUIT, which a Sentinel does not know.
    """
    try:
        with _dialled(node, through=through, timeout_s=timeout_s) as connection:
            connection.sendall(_request(b"PING"))
            if not connection.recv(4096):
                return None
            began = time.perf_counter()
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
            return _since_ms(began)
    except OSError:
        return None


@contextlib.contextmanager
def _dialled(node: Node, *, through: bool, timeout_s: float) -> Iterator[socket.socket]:
    """A fresh connection to a node, through its proxy (by TLS where the node speaks it) or directly."""
    address = node.proxied if through else node.direct
    with harness_dials(), socket.create_connection(address, timeout=timeout_s) as plain:
        if not through or node.login.ca is None:
            yield plain
            return
        import ssl

        context = ssl.create_default_context(cafile=node.login.ca)
        with context.wrap_socket(plain, server_hostname=address[0]) as secure:
            yield secure


def _log_in(connection: socket.socket, node: Node) -> None:
    words = [word.encode() for word in (node.login.user, node.login.password) if word is not None]
    connection.sendall(_request(b"AUTH", *words))
    said = b""
    while not said.endswith(b"\r\n"):
        chunk = connection.recv(4096)
        if not chunk:
            raise ConnectionError
        said += chunk


def _request(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def _since_ms(began: float) -> float:
    return (time.perf_counter() - began) * 1000
