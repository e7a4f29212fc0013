"""Servers that somebody else started: what can be done with them, by an engine where their owner allows it by a label.

Nothing here starts, stops or removes what was not put there for drills: without the label a server is only looked at.
"""

from __future__ import annotations

import http.client
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pytest_arbredis.errors import EngineUnreachableError, HarnessError, UsageError
from pytest_arbredis.servers.images import ENGINE_REMEDY, engine_host
from pytest_arbredis.servers.sweep import EngineRefusalError, ask, connection, list_containers

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from pytest_arbredis.servers.launcher import Server, ServerKind, ServerSpec

ALLOWED: Final = "arbredis.drill=allowed"
"""The label by which a container's owner says that drills may signal, stop and start it."""
PORT: Final = "arbredis.port"
"""The label that names the port of a container on its engine's host network, which publishes none."""
NOT_OURS: Final = (
    "the servers were started by somebody else, and no container with the label "
    f"{ALLOWED} at a reachable Docker engine is known to hold them"
)

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container whose owner allows drills, and where its server may be reached from here."""

    host: str
    id: str
    name: str
    addresses: frozenset[Address]
    """On this machine's loopback: published ports, and the port of a label on the host's network."""
    networks: frozenset[str]
    """Its addresses on the engine's own networks, reachable from the engine's machine."""


def allowed_containers(host: str | None = None) -> tuple[Container, ...]:
    """The running containers with the label; none where no engine answers."""
    at = host or engine_host()
    try:
        found = list_containers(at, ALLOWED)
    except (EngineRefusalError, OSError, http.client.HTTPException, ValueError, LookupError):
        return ()
    return tuple(_container(at, entry) for entry in found)


def _container(host: str, entry: Mapping[str, Any]) -> Container:
    published = {int(port["PublicPort"]) for port in entry.get("Ports") or () if port.get("PublicPort")}
    named = str((entry.get("Labels") or {}).get(PORT, ""))
    ports = published | ({int(named)} if named.isdigit() else set())
    networks = ((entry.get("NetworkSettings") or {}).get("Networks") or {}).values()
    return Container(
        host=host,
        id=str(entry["Id"]),
        name=str((entry.get("Names") or [entry["Id"][:12]])[0]).lstrip("/"),
        addresses=frozenset(("127.0.0.1", port) for port in ports),
        networks=frozenset(str(network["IPAddress"]) for network in networks if network.get("IPAddress")),
    )


def published_ports(control: int, host: str | None = None) -> dict[int, int]:
    """Port inside → port of this machine, of the container that publishes the port `control`; empty where none does."""
    try:
        found: list[dict[str, Any]] = ask(host or engine_host(), "GET", "/containers/json")
    except (EngineRefusalError, OSError, http.client.HTTPException, ValueError, LookupError):
        return {}
    for entry in found:
        ports = {int(port["PrivatePort"]): int(port["PublicPort"]) for port in entry["Ports"] if port.get("PublicPort")}
        if control in ports.values():
            return ports
    return {}


class ExternalServer:
    """A server that somebody else started. In a container of its own, which may be signalled, or only looked at."""

    def __init__(self, spec: ServerSpec, container: Container | None = None) -> None:
        self._spec = spec
        self.container = container

    @property
    def spec(self) -> ServerSpec:
        """Its name, kind and port; its directory is one of the harness's own, and empty."""
        return self._spec

    @property
    def pid(self) -> int | None:
        """The process id on the engine's machine; None where it does not run, or is not known."""
        return (int(self._state()["Pid"]) or None) if self.container else None

    @property
    def log_path(self) -> Path:
        """`<directory>/<name>.log`, fetched from the engine now; empty without one."""
        path = self._spec.directory / f"{self._spec.name}.log"
        path.write_text(self.log_tail(10_000))
        return path

    def start(self) -> None:
        """Start its container again after it ended. Returns once it runs."""
        self._ask("start", "POST", "start")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal by the engine. Raises `HarnessError` if it does not run, or nobody may signal it."""
        self._ask(f"send {number.name} to", "POST", f"kill?signal={number.name}")

    def exit_status(self) -> int | None:
        """None while it runs, or where that is not known; else its exit status, -9 for SIGKILL."""
        if self.container is None:
            return None
        state = self._state()
        code = int(state["ExitCode"])
        return None if state["Running"] else 128 - code if code > 128 else code

    def log_tail(self, lines: int = 10) -> str:
        """The last lines of its container's log; empty without one."""
        if self.container is None:
            return ""
        path = f"/containers/{self.container.id}/logs?stdout=1&stderr=1&tail={lines}"
        talk = connection(self.container.host, 5.0)
        try:
            talk.request("GET", path)
            content = talk.getresponse().read()
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            talk.close()
        return "\n".join(_frames(content).decode(errors="replace").splitlines()[-lines:])

    def _state(self) -> Mapping[str, Any]:
        state: Mapping[str, Any] = self._ask("look at", "GET", "json")["State"]
        return state

    def _ask(self, doing: str, method: str, what: str) -> Any:
        if self.container is None:
            raise UsageError(f"cannot {doing} {self._spec.name}: {NOT_OURS}", remedy="see docs/external.md")
        try:
            return ask(self.container.host, method, f"/containers/{self.container.id}/{what}", timeout=30.0)
        except EngineRefusalError as error:
            cause = f"the Docker engine would not {doing} {self._spec.name} ({self.container.name}): {error.message}"
            raise HarnessError(cause, remedy="see whether the container is still there: docker ps -a") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            cause = f"cannot {doing} {self._spec.name}: no Docker engine answers at {self.container.host}: {error}"
            raise EngineUnreachableError(cause, remedy=ENGINE_REMEDY) from error


def _frames(content: bytes) -> bytes:
    """The text in an engine's log stream: frames of an 8-byte header with the length, or bare from a terminal."""
    text, at = b"", 0
    while at + 8 <= len(content) and content[at] in {0, 1, 2} and content[at + 1 : at + 4] == b"\0\0\0":
        (length,) = struct.unpack(">I", content[at + 4 : at + 8])
        text += content[at + 8 : at + 8 + length]
        at += 8 + length
    return text + content[at:]


class ExternalLauncher:
    """Starts nothing: the servers are there. It knows their versions."""

    def __init__(self, versions: Mapping[ServerKind, str]) -> None:
        self._versions = dict(versions)

    @property
    def name(self) -> Literal["process", "docker", "external"]:
        """`external`."""
        return "external"

    def launch(self, specs: Sequence[ServerSpec]) -> list[Server]:
        """Refused: what is not there cannot be started."""
        names = ", ".join(spec.name for spec in specs)
        raise UsageError(f"cannot start {names}: the servers are somebody else's", remedy="use another launcher")

    def forget(self, servers: Sequence[Server]) -> None:
        """Nothing: they are not ours to end."""

    def version(self, kind: ServerKind) -> str:
        """What the servers of this kind say that they are; `none` if there are none."""
        return self._versions.get(kind, "none")

    def close(self) -> None:
        """Nothing: the servers go on."""
