"""With what to deploy: what was asked for, what was chosen, and why."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from pytest_arbredis.errors import UsageError
from pytest_arbredis.servers.images import EngineInfo, Reason, engine
from pytest_arbredis.topology.fixed_ports import check_ports
from pytest_arbredis.topology.server_url import External, parse_control, parse_url

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_arbredis.servers.launcher import Launcher, ServerKind
    from pytest_arbredis.servers.supervision import Supervisor

LauncherName = Literal["auto", "docker", "process", "external"]
ProxyName = Literal["auto", "toxiproxy"]
Ports = tuple[tuple[str, int], ...]
LAUNCHERS: tuple[LauncherName, ...] = ("auto", "docker", "process", "external")
PROXIES: tuple[ProxyName, ...] = ("auto", "toxiproxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What was asked for by options: a launcher, a proxy engine, binaries, images."""

    launcher: LauncherName = "auto"
    proxy: ProxyName = "auto"
    redis_bin: str | None = None
    redis_image: str | None = None
    toxiproxy_image: str | None = None
    ports: Ports = ()
    url: str | None = field(default=None, repr=False)
    """Of servers that somebody else started; it may hold a password."""
    control: str | None = None
    allow_destructive: bool = False

    def __post_init__(self) -> None:
        """Refuse names that nobody knows, and what does not fit together."""
        if self.launcher not in LAUNCHERS:
            raise UsageError.unknown("launcher", self.launcher, LAUNCHERS)
        if self.proxy not in PROXIES:
            raise UsageError.unknown("proxy", self.proxy, PROXIES)
        check_ports(self.ports)
        self._check_external()

    def _check_external(self) -> None:
        if self.url is not None:
            parse_url(self.url)
            if self.launcher not in {"auto", "external"}:
                cause = f"the launcher {self.launcher!r} starts servers, and a URL of others was given"
                raise UsageError(cause, remedy="use the launcher 'external', or leave the URL out")
        elif self.launcher == "external":
            raise UsageError(
                "the launcher 'external' needs to know the servers",
                remedy="give --arbredis-url (drill: --url), or ARBREDIS_URL",
            )
        elif self.control is not None or self.allow_destructive:
            raise UsageError(
                "a control, or the right to destroy, without the URL of servers that somebody else started",
                remedy="give --arbredis-url (drill: --url) as well, or leave them out",
            )
        if self.control is not None:
            parse_control(self.control)


AUTO = Means()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The launcher that was chosen, and the reason, for people."""

    name: Literal["docker", "process", "external"]
    why: str
    launcher: Callable[[Path, Supervisor], Launcher]
    ports: Ports = ()
    external: External | None = None
    """What stands already; then nothing is started."""


def choose(means: Means) -> Chosen:
    """Containers where they can be had, else processes; a launcher asked for by name is that one or an error."""
    if means.url is not None:
        found = _external(means, means.url)
    elif means.launcher == "process":
        found = _process(means, "asked for")
    elif means.launcher == "docker":
        found = _docker(means)
    else:
        found = _auto(means)
    return replace(found, ports=means.ports)


def _external(means: Means, url: str) -> Chosen:
    """Servers that stand already, looked for when they are first used."""
    from pytest_arbredis.servers.external import ExternalLauncher

    where = parse_url(url)
    control = None if means.control is None else parse_control(means.control)
    external = External(where=where, control=control, allow_destructive=means.allow_destructive)
    return Chosen(name="external", why=str(where), launcher=lambda *_: ExternalLauncher({}), external=external)


def _process(means: Means, why: str) -> Chosen:
    """Real binaries of this machine, found before anything is started."""
    from pytest_arbredis.servers.process import ProcessLauncher
    from pytest_arbredis.servers.redis import find_redis
    from pytest_arbredis.servers.toxiproxy import find_toxiproxy

    redis, toxiproxy = find_redis(means.redis_bin), find_toxiproxy()
    binaries: dict[ServerKind, Path] = {"redis": redis, "sentinel": redis, "toxiproxy": toxiproxy}

    def launcher(root: Path, supervisor: Supervisor) -> Launcher:
        return ProcessLauncher(binaries, root=root, supervisor=supervisor)

    return Chosen(name="process", why=why, launcher=launcher)


def _docker(means: Means) -> Chosen:
    found = _engine(means)
    if isinstance(found, Reason):
        raise found.error()
    return _containers(found, "asked for")


def _auto(means: Means) -> Chosen:
    if means.redis_bin is not None:
        return _process(means, "a redis-server was given")
    found = _engine(means)
    if isinstance(found, Reason):
        if means.redis_image is not None or means.toxiproxy_image is not None:
            raise found.error()
        return _process(means, f"auto: {found.cause}")
    return _containers(found, f"auto: a Docker engine {found.version} answers and both images are present")


def _engine(means: Means) -> EngineInfo | Reason:
    return engine(redis_image=means.redis_image, toxiproxy_image=means.toxiproxy_image)


def _containers(found: EngineInfo, why: str) -> Chosen:
    from pytest_arbredis.servers.docker import DockerLauncher

    def launcher(root: Path, supervisor: Supervisor) -> Launcher:
        return DockerLauncher(found.images, root=root, supervisor=supervisor)

    return Chosen(name="docker", why=why, launcher=launcher)
