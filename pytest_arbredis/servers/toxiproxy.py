"""Toxiproxy: where its server is found, how it is configured, and when it is up and ours.

Its start is quiet about failure (read in 2.12.0): it makes the proxies of `-config` first, in order, stopping at the
first that it cannot make; then it listens for its API; if either fails it logs a line and lives on. So the last proxy
of our configuration is a disabled one with a nonce in its name: an API that shows it is ours, and complete.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import (
    ControlError,
    HarnessError,
    MissingBinaryError,
    PortTakenError,
    ServerDiedError,
    WaitTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_arbredis.servers.launcher import Server

VERSION = "2.12.0"
"""The version that is built and tested with."""
PROGRAM = "toxiproxy-server"
REMEDY = f"run `arbredis doctor --fix` (or `make drill`), or put {PROGRAM} {VERSION} on PATH"
LOG_LINES = 50


class Listing(Protocol):
    """A control that can be asked for its proxies."""

    def proxies(self) -> Mapping[str, object]:
        """All proxies by name, or `ControlError`."""
        ...


def user_cache() -> Path:
    """Where this user's cache of the harness lies; it need not exist."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "arbredis"


def cached_toxiproxy() -> Path:
    """Where the server lies that was built for this user; it need not exist."""
    return user_cache() / f"toxiproxy-{VERSION}" / PROGRAM


def find_toxiproxy(explicit: str | Path | None = None) -> Path:
    """The server's binary: `explicit`, else on PATH, else in the user's cache. Never builds.

    Raises `MissingBinaryError` with the command that gets one.
    """
    if explicit is not None:
        if _is_program(Path(explicit)):
            return Path(explicit).absolute()
        raise MissingBinaryError(f"no Toxiproxy at {explicit}: not a file that can be run", remedy=REMEDY)
    on_path = shutil.which(PROGRAM)
    if on_path:
        return Path(on_path).absolute()
    cached = cached_toxiproxy()
    if _is_program(cached):
        return cached
    raise MissingBinaryError(f"no Toxiproxy: {PROGRAM} is neither on PATH nor at {cached}", remedy=REMEDY)


def get_toxiproxy(report: Callable[[str], None]) -> Path:
    """The server's binary, built once into the user's cache if there is none; `report` is told of each step."""
    try:
        return find_toxiproxy()
    except MissingBinaryError:
        from pytest_arbredis.servers.toxiproxy_build import build_toxiproxy

        return build_toxiproxy(cached_toxiproxy(), report)


def version_in(output: str) -> str:
    """The version in what `toxiproxy-server -version` prints; `git` if it was built without one."""
    found = re.search(r"version (\S+)", output)
    if not found:
        raise HarnessError(f"no version in what Toxiproxy prints: {output[:200]!r}", remedy=REMEDY)
    return found[1]


def identity_proxy(nonce: str) -> str:
    """The name of the proxy by which a server is known as ours."""
    return f"arbredis-{nonce}"


def config_json(proxies: Mapping[str, tuple[str, str]], *, nonce: str) -> str:
    """The text of a `-config` file: name → (listen, upstream), both `host:port`, and the identity proxy at the end.

    The identity proxy is disabled; a `reset()` enables it too: then it listens on a port of the system's choice.
    """
    entries = [
        {"name": name, "listen": listen, "upstream": upstream, "enabled": True}
        for name, (listen, upstream) in proxies.items()
    ]
    identity = {
        "name": identity_proxy(nonce),
        "listen": "127.0.0.1:0",
        "upstream": "127.0.0.1:9",
        "enabled": False,
    }
    return json.dumps([*entries, identity], indent=1) + "\n"


def toxiproxy_args(port: int, config_path: Path) -> tuple[str, ...]:
    """The arguments of a server with its API on the loopback."""
    return ("-host", "127.0.0.1", "-port", str(port), "-config", str(config_path))


def await_toxiproxy(server: Server, client: Listing, *, nonce: str, within_s: float = 10.0) -> None:
    """Wait until the server answers, is ours, and has all proxies of its configuration.

    Raises `ServerDiedError` with its last log lines, `PortTakenError` if its API's or a proxy's port is somebody
    else's, `WaitTimeoutError` with the log if it says nothing.
    """
    last: ControlError | None = None

    def ready() -> bool:
        nonlocal last
        try:
            names = client.proxies()
        except ControlError as error:
            last = error
            _require_alive(server)
            _require_ports(server)
            return False
        if identity_proxy(nonce) not in names:
            _require_ports(server)
            raise _taken(server.spec.port, "another Toxiproxy answers there")
        return True

    try:
        wait_until(ready, within_s=within_s, what=f"{server.spec.name} to answer on port {server.spec.port}")
    except WaitTimeoutError as error:
        cause = f"{error.cause}: {last.cause if last else ''}; the last lines of its log:\n{server.log_tail()}"
        raise WaitTimeoutError(cause, remedy=f"see its log: {server.log_path}") from error


def _require_alive(server: Server) -> None:
    status = server.exit_status()
    if status is not None:
        raise ServerDiedError(
            f"{server.spec.name} ended with exit status {status} before it answered; its last log lines:\n"
            f"{server.log_tail()}",
            remedy=f"see its log: {server.log_path}",
        )


def _require_ports(server: Server) -> None:
    """Raise what its log tells of a start that failed while the process lives on."""
    for line in server.log_tail(LOG_LINES).splitlines():
        if "address already in use" in line:
            port = re.search(r":(\d+): bind", line)
            raise _taken(int(port[1]) if port else server.spec.port, f"the log of {server.spec.name} says: {line}")
        if "Failed to populate proxies" in line or "Error reading config" in line:
            raise HarnessError(
                f"{server.spec.name} could not make the proxies of its configuration: {line}",
                remedy=f"see its configuration in {server.spec.directory} and its log: {server.log_path}",
            )


def _taken(port: int, why: str) -> PortTakenError:
    from pytest_arbredis.servers.ports import who_listens

    return PortTakenError(
        f"port {port} is taken by {who_listens(port) or 'an unknown process'}: {why}",
        remedy="end that process, or use other ports",
    )


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
