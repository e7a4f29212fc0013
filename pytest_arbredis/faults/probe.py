"""An observer of its own: one PING over a fresh connection, and exactly what became of it."""

from __future__ import annotations

import functools
import socket
import ssl
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_arbredis._dials import harness_dials

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_arbredis.topology.node import Address, Node

PING = b"*1\r\n$4\r\nPING\r\n"
ROUNDS = 3

Ending = Literal["answered", "refused", "reset", "closed", "silent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """How one PING ended, after how long, and how many bytes came back; `median_ms` is of several rounds."""

    ending: Ending
    after_ms: float
    received: int = 0
    median_ms: float = 0.0

    @property
    def answered(self) -> bool:
        """A whole reply came, +PONG or an error of Redis."""
        return self.ending == "answered"


def ping(address: Address, *, timeout_s: float = 1.0, rounds: int = 1, ca: Path | None = None) -> Ping:
    """Connect anew and PING `rounds` times; the fastest answer, or how the first unanswered one ended.

    With `ca`, the authority of the server's certificate, by TLS; the handshake is not timed.
    """
    taken: list[float] = []
    received = 0
    began = time.perf_counter()
    try:
        with harness_dials(), _dialled(address, timeout_s, ca) as connection:
            for _ in range(rounds):
                began = time.perf_counter()
                connection.sendall(PING)
                while True:
                    chunk = connection.recv(4096)
                    received += len(chunk)
                    if not chunk:
                        return Ping(ending="closed", after_ms=_since_ms(began), received=received)
                    if chunk.endswith(b"\r\n"):
                        break
                taken.append(_since_ms(began))
    except TimeoutError:
        return Ping(ending="silent", after_ms=_since_ms(began), received=received)
    except ConnectionRefusedError:
        return Ping(ending="refused", after_ms=_since_ms(began), received=received)
    except OSError:
        return Ping(ending="reset", after_ms=_since_ms(began), received=received)
    return Ping(ending="answered", after_ms=min(taken), received=received, median_ms=statistics.median(taken))


def _dialled(address: Address, timeout_s: float, ca: Path | None) -> socket.socket:
    plain = socket.create_connection(address, timeout=timeout_s)
    if ca is None:
        return plain
    try:
        return _context(ca).wrap_socket(plain, server_hostname=address[0])
    except BaseException:
        plain.close()
        raise


@functools.cache
def _context(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca)


def _since_ms(began: float) -> float:
    return (time.perf_counter() - began) * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """The same PING through the link and past it: what differs is the link's doing."""

    through: Ping
    direct: Ping


def contrast(node: Node, *, timeout_s: float = 1.0, rounds: int = 1) -> Contrast:
    """PING a node through its proxy, and directly."""
    direct = ping(node.direct, timeout_s=timeout_s, rounds=rounds, ca=node.direct_login.ca)
    through = ping(node.proxied, timeout_s=timeout_s, rounds=rounds, ca=node.login.ca)
    return Contrast(through=through, direct=direct)
