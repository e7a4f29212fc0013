"""With what to deploy: what was asked for, what was chosen, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_arbredis.errors import UsageError
from pytest_arbredis.servers.images import EngineInfo, Reason, engine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_arbredis.servers.launcher import Launcher, ServerKind
    from pytest_arbredis.servers.supervision import Supervisor

LauncherName = Literal["auto", "docker", "process"]
ProxyName = Literal["auto", "toxiproxy"]
LAUNCHERS: tuple[LauncherName, ...] = ("auto", "docker", "process")
PROXIES: tuple[ProxyName, ...] = ("auto", "toxiproxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What was asked for by options: a launcher, a proxy engine, binaries, images."""

    launcher: LauncherName = "auto"
    proxy: ProxyName = "auto"
    redis_bin: str | None = None
    redis_image: str | None = None
    toxiproxy_image: str | None = None

    def __post_init__(self) -> None:
        """Refuse names that nobody knows."""
        if self.launcher not in LAUNCHERS:
            raise UsageError.unknown("launcher", self.launcher, LAUNCHERS)
        if self.proxy not in PROXIES:
            raise UsageError.unknown("proxy", self.proxy, PROXIES)


AUTO = Means()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The launcher that was chosen, and the reason, for people."""

    name: Literal["docker", "process"]
    why: str
    launcher: Callable[[Path, Supervisor], Launcher]


def choose(means: Means) -> Chosen:
    """Containers where they can be had, else processes; a launcher asked for by name is that one or an error."""
    if means.launcher == "process":
        return _process(means, "asked for")
    if means.launcher == "docker":
        return _docker(means)
    return _auto(means)


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
