"""How a command in another terminal speaks to the owner of a game day: one JSON line there, one back, with a deadline.

Over a Unix domain socket that only this user may open. Nothing but JSON is ever decoded.
"""

from __future__ import annotations

import os
import socket
import socketserver
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import orjson

from pytest_arbredis.errors import ArbredisError, HarnessError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LONGEST_LINE = 1 << 20
READ_WITHIN_S = 5.0
LONGEST_PATH = 100
"""Bytes of a socket's path: Linux allows 107, macOS 103."""

Answer = dict[str, Any]


def ask(path: Path, request: Mapping[str, object], *, within_s: float) -> Answer:
    """The owner's answer. Raises what it raised: `UsageError` or `HarnessError`; the latter if it does not answer."""
    deadline = time.monotonic() + within_s
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        try:
            channel.settimeout(within_s)
            channel.connect(str(path))
            channel.sendall(orjson.dumps({**request, "within_s": within_s}) + b"\n")
            line = _line(channel, deadline)
            answer = orjson.loads(line)
        except TimeoutError as error:
            raise HarnessError(
                f"the game day did not answer within {within_s:.0f} s",
                remedy="see `arbredis status`; what was asked for may still happen",
            ) from error
        except (OSError, orjson.JSONDecodeError) as error:
            raise HarnessError(
                f"the game day went away: {error}", remedy="see `arbredis status`, or start another: arbredis up"
            ) from error
    if "error" in answer:
        kind = UsageError if answer["usage"] else HarnessError
        raise kind(answer["error"], remedy=answer["remedy"])
    return dict(answer["ok"])


def _line(channel: socket.socket, deadline: float) -> bytes:
    """All bytes up to the end of the line, by the deadline however slowly they come."""
    line = b""
    while not line.endswith(b"\n"):
        left_s = deadline - time.monotonic()
        if left_s <= 0 or len(line) > LONGEST_LINE:
            raise TimeoutError
        channel.settimeout(left_s)
        chunk = channel.recv(65536)
        if not chunk:
            raise ConnectionResetError("it closed the connection")
        line += chunk
    return line


class Service:
    """Answers on a socket, each request in a thread of its own, while it is entered."""

    def __init__(self, path: Path, answer: Callable[[Answer], Mapping[str, object]]) -> None:
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise UsageError(f"{path} is too long for a socket", remedy="set TMPDIR to a shorter folder")

        class Handler(socketserver.StreamRequestHandler):
            timeout = READ_WITHIN_S

            def handle(self) -> None:
                line = self.rfile.readline(LONGEST_LINE)
                if line.endswith(b"\n"):
                    self.wfile.write(orjson.dumps(_answered(answer, line)) + b"\n")

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: object, client_address: object) -> None:
                """Who asked has gone: nobody is there to be told."""

        try:
            self._server = Server(str(path), Handler)
            path.chmod(0o600)  # it is in a folder that is ours alone already
        except OSError as error:
            raise HarnessError(f"{path} cannot be listened on: {error}", remedy="see the folder's rights") from error
        self._path = path
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.05,), name="game-day-service", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._path.unlink(missing_ok=True)


def _answered(answer: Callable[[Answer], Mapping[str, object]], line: bytes) -> Answer:
    try:
        request = orjson.loads(line)
        if not isinstance(request, dict):
            return _refused("the request is no JSON object")
        return {"ok": answer(request)}
    except orjson.JSONDecodeError as error:
        return _refused(f"the request is no JSON: {error}")
    except ArbredisError as error:
        return _refused(error.cause, remedy=error.remedy, usage=isinstance(error, UsageError))
    except Exception as error:  # noqa: BLE001 - who asked hears of it, and the game day goes on
        return _refused(f"{type(error).__name__}: {error}", remedy="report this, with the run's folder", usage=False)


def _refused(cause: str, *, remedy: str = "", usage: bool = True) -> Answer:
    return {"error": cause, "remedy": remedy, "usage": usage}
