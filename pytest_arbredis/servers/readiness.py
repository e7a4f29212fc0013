"""When a started Redis or Sentinel is ready, and really the one that we started.

Asked over a bare socket: neither redis-py nor a proxy is in between. A port alone proves nothing: a stranger may listen
there. The server's `config_file` lies in a directory of its own, which is its identity.
"""

from __future__ import annotations

import contextlib
import re
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_arbredis._clock import wait_until
from pytest_arbredis._dials import harness_dials
from pytest_arbredis.errors import PortTakenError, ServerDiedError, WaitTimeoutError
from pytest_arbredis.servers.ports import who_listens

if TYPE_CHECKING:
    from pytest_arbredis.servers.launcher import Server

EVERY_S: Final = 0.005
ANSWER_WITHIN_S: Final = 0.5
IN_USE: Final = "Address already in use"
CLOSED: Final = b"(connection closed)"


def await_redis(
    server: Server,
    *,
    address: tuple[str, int],
    within_s: float = 10.0,
    user: str | None = None,
    password: str | None = None,
) -> None:
    """Wait until the server answers PING on `address`, directly, and is the one in our directory.

    A server that does not let this user in is known by its process id, which takes some 10 ms.
    Raises `ServerDiedError` if it ended (with its last log lines), `PortTakenError` if somebody else has the port,
    `WaitTimeoutError` if it does not answer, or is still loading, after `within_s`.
    """
    last = "nothing was tried yet"

    def ready() -> bool:
        nonlocal last
        status = server.exit_status()
        if status is not None:
            raise _ended(server, status, address)
        try:
            last = _ask(server, address, user, password)
        except OSError as error:
            last = f"{type(error).__name__}: {error}"
        return not last

    host, port = address
    try:
        wait_until(ready, within_s=within_s, every_s=EVERY_S, what=f"{server.spec.name} to answer on {host}:{port}")
    except WaitTimeoutError as error:
        raise WaitTimeoutError(
            f"waited {within_s:.1f} s for {server.spec.name} (pid {server.pid}) to answer on {host}:{port}; "
            f"last seen: {last}; its last log lines:\n{server.log_tail()}",
            remedy=f"read {server.log_path}; a large data set needs more than {within_s:.0f} s to load",
        ) from error


def _ask(server: Server, address: tuple[str, int], user: str | None, password: str | None) -> str:
    """'' if it is ready and ours, else what keeps it from being so."""
    with (
        harness_dials(),
        socket.create_connection(address, timeout=ANSWER_WITHIN_S) as connection,
        connection.makefile("rb") as replies,
    ):
        if password is not None:
            _command(connection, "AUTH", *(word for word in (user, password) if word is not None))
            _reply(replies.readline())
        _command(connection, "PING")
        pong = _reply(replies.readline())
        if pong.startswith((b"-NOAUTH", b"-NOPERM")) or (pong.startswith(b"-ERR") and password is not None):
            return _known_by_pid(server, address[1])
        if pong != b"+PONG":
            return f"{pong.decode(errors='replace')!r} to PING"
        _command(connection, "INFO", "server")
        header = _reply(replies.readline())
        if not re.fullmatch(rb"\$\d+", header):
            return _known_by_pid(server, address[1])
        info = replies.read(int(header[1:])).decode(errors="replace")
    found = re.search(r"^config_file:(.*?)\r?$", info, re.MULTILINE)
    config = Path(found[1]) if found and found[1] else None
    if config is not None and config.parent.resolve() == server.spec.directory.resolve():
        return ""
    raise _taken(server, address[1], f"a Redis with the configuration {str(config)!r} answers there")


def _known_by_pid(server: Server, port: int) -> str:
    """Identity of a server that will not tell: the listener's pid is its pid, or nobody can say."""
    who = who_listens(port)
    if (
        who is not None
        and who.startswith("pid ")
        and server.pid is not None
        and not who.startswith(f"pid {server.pid} ")
    ):
        raise _taken(server, port, "a server that wants a password answers there")
    return ""


def _command(connection: socket.socket, *words: str) -> None:
    encoded = [word.encode() for word in words]
    connection.sendall(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded))


def _reply(line: bytes) -> bytes:
    return line.rstrip(b"\r\n") or CLOSED


def _ended(server: Server, status: int, address: tuple[str, int]) -> ServerDiedError | PortTakenError:
    tail = server.log_tail()
    if any(IN_USE in line for line in tail.splitlines()[-3:]):
        return _taken(server, address[1], f"it ended with exit status {status}; log: {server.log_path}")
    how = f"ended with exit status {status}"
    if status < 0:
        with contextlib.suppress(ValueError):
            how = f"was ended by {signal.Signals(-status).name} (exit status {status})"
    return ServerDiedError(
        f"{server.spec.name} ({server.spec.kind}) {how} before it answered on {address[0]}:{address[1]}; "
        f"its last log lines:\n{tail}\n  log: {server.log_path}",
        remedy="its last log lines say what it did not like; mend the configuration or the machine",
    )


def _taken(server: Server, port: int, detail: str) -> PortTakenError:
    who = who_listens(port) or "an unknown process"
    return PortTakenError(
        f"port {port}, which {server.spec.name} needs, is taken by {who}: {detail}",
        remedy="end that process, or run again: another slot of ports is taken then",
    )
