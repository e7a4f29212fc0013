"""Removing containers over the Docker Engine's HTTP API, with nothing but the standard library.

The supervisor loads this file by itself, without the package and its dependencies (`python -I -S`), when its owner is
gone; so it imports nothing of ours, and little else.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from urllib.parse import quote, urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ANSWER_WITHIN_S = 5.0
GONE = (204, 404, 409)
"""Removed; was not there; is being removed already."""


class EngineRefusalError(Exception):
    """The engine answered with an error: its status, and what it says."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"HTTP {status}: {message}")
        self.status = status
        self.message = message


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(self._path)
        except OSError:
            self.sock.close()
            raise


def connection(host: str, timeout: float) -> http.client.HTTPConnection:
    """A connection to the engine at `unix:///path`, `tcp://host:port` or `http://host:port`, not yet opened.

    Raises `ValueError` for another scheme: TLS and ssh are not spoken here.
    """
    parts = urlsplit(host)
    if parts.scheme == "unix":
        return _UnixConnection(parts.path or "/var/run/docker.sock", timeout)
    if parts.scheme in {"tcp", "http"}:
        return http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 2375, timeout=timeout)
    raise ValueError(f"the engine's address {host!r} is neither unix:// nor tcp://")


def ask(host: str, method: str, path: str, body: object = None, timeout: float = ANSWER_WITHIN_S) -> Any:
    """The engine's decoded answer, None if it has no body.

    Raises `EngineRefusalError` for an error of the engine, `OSError`, `http.client.HTTPException` or `ValueError` if it
    is not an engine that answers.
    """
    talk = connection(host, timeout)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        talk.request(method, path, None if body is None else json.dumps(body).encode(), headers)
        response = talk.getresponse()
        content = response.read()
        if not 200 <= response.status < 300:
            raise EngineRefusalError(response.status, _message(content))
        return json.loads(content) if content.strip() else None
    finally:
        talk.close()


def list_containers(host: str, label: str) -> list[dict[str, Any]]:
    """All containers with this label (`name` or `name=value`): running, stopped and merely created."""
    filters = quote(json.dumps({"label": [label]}))
    found: list[dict[str, Any]] = ask(host, "GET", f"/containers/json?all=1&filters={filters}")
    return found


def remove_containers(host: str, label: str) -> int:
    """Remove all containers with this label by force, in parallel; gives how many were found.

    Raises what `ask` raises if the engine does not answer, or would not remove one of them.
    """
    identities = [str(container["Id"]) for container in list_containers(host, label)]
    failures: list[Exception] = []

    def remove(identity: str) -> None:
        try:
            remove_container(host, identity)
        except (EngineRefusalError, OSError, http.client.HTTPException, ValueError) as error:
            failures.append(error)

    threads = [threading.Thread(target=remove, args=(identity,), daemon=True) for identity in identities]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return len(identities)


def remove_container(host: str, identity: str) -> None:
    """Remove one container by force, with its volumes. One that is gone, or going, is fine."""
    try:
        ask(host, "DELETE", f"/containers/{identity}?force=1&v=1")
    except EngineRefusalError as error:
        if error.status not in GONE:
            raise


def _message(content: bytes) -> str:
    try:
        return str(json.loads(content)["message"])
    except (ValueError, LookupError, TypeError):
        return content[:200].decode(errors="replace")
