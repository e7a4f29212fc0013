"""What a deployment can do beyond the ordinary, by name; a fault that needs more is refused with the reason."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from pytest_arbredis.errors import MissingBinaryError
from pytest_arbredis.servers.sync_ledger import is_kept
from pytest_arbredis.servers.sync_ledger_build import find_library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_arbredis.topology.deployment import Deployment

Capability = Literal["proxies", "signals", "sentinels", "replicas", "containers", "debug", "tmpfs", "files", "power"]
CAPABILITIES: Final[tuple[Capability, ...]] = get_args(Capability)


def lacking(deployment: Deployment, needs: Iterable[Capability]) -> str:
    """Why the first capability of `needs` that is not here is not here, for people; empty if all are."""
    wanted = tuple(needs)
    if why := deployment.refuses(wanted):
        return why
    return next((reason for need in wanted if (reason := _REASONS[need](deployment))), "")


def _proxies(_: Deployment) -> str:
    return ""


def _signals(_: Deployment) -> str:
    return ""


def _sentinels(deployment: Deployment) -> str:
    return "" if deployment.sentinels else "it needs Sentinels; use topology='sentinel'"


def _replicas(deployment: Deployment) -> str:
    return "" if deployment.spec.replicas else "it needs a replica; use topology='sentinel' or 'replicated'"


def _containers(deployment: Deployment) -> str:
    if deployment.launcher.name == "docker":
        return ""
    return f"it needs containers, and these servers run on the launcher {deployment.launcher.name!r}"


def _debug(deployment: Deployment) -> str:
    import redis

    try:
        answer = cast("dict[str, str]", deployment.nodes[0].client.config_get("enable-debug-command"))
    except redis.RedisError as error:
        return f"it needs the command DEBUG ({error})"
    allowed = answer.get("enable-debug-command", "yes")  # before Redis 7.0 there was no such switch
    return "it needs the command DEBUG; use conf={'enable-debug-command': 'local'}" if allowed == "no" else ""


def _tmpfs(deployment: Deployment) -> str:
    """A small file system of our own may be mounted where the servers see it."""
    if deployment.launcher.name != "process":
        return "it mounts a small file system, which only processes of this machine see; use the launcher 'process'"
    if os.geteuid() != 0 or not _may_mount():
        return "it mounts a small file system (tmpfs), for which this user has no right"
    return _protected(deployment)


def _files(deployment: Deployment) -> str:
    """What a server has written is the harness's own, and may be removed."""
    if deployment.launcher.name in {"process", "docker"}:
        return ""
    return "it removes what a server has written, which is not ours here; use the launcher 'process' or 'docker'"


def _power(deployment: Deployment) -> str:
    """Servers whose syncs are noted: then what a loss of power leaves is known, and a disk can be made slow."""
    if deployment.launcher.name == "external":
        return "it preloads a library into the server, which is not ours here; use the launcher 'process' or 'docker'"
    try:
        find_library()
    except MissingBinaryError as error:
        return f"{error.cause}; {error.remedy}"
    if not deployment.spec.power:
        return "it needs servers that note what they sync; use a topology with power=True"
    deaf = [node.name for node in deployment.nodes if not is_kept(node.server.spec.directory)]
    return (
        f"{', '.join(deaf)} did not load the library that notes what it syncs; use another redis-server" if deaf else ""
    )


def _protected(deployment: Deployment) -> str:
    """`CONFIG SET dir` is allowed, which it is not by default."""
    import redis

    try:
        answer = cast("dict[str, str]", deployment.nodes[0].client.config_get("enable-protected-configs"))
    except redis.RedisError as error:
        return f"it needs CONFIG SET dir ({error})"
    allowed = answer.get("enable-protected-configs", "yes")  # before Redis 7.0 everybody was
    return "it needs CONFIG SET dir; use conf={'enable-protected-configs': 'local'}" if allowed == "no" else ""


CAP_SYS_ADMIN: Final = 21


def _may_mount() -> bool:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False
    effective = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) >> CAP_SYS_ADMIN & 1)


_REASONS: Final[Mapping[Capability, Callable[[Deployment], str]]] = {
    "proxies": _proxies,
    "signals": _signals,
    "sentinels": _sentinels,
    "replicas": _replicas,
    "containers": _containers,
    "debug": _debug,
    "tmpfs": _tmpfs,
    "files": _files,
    "power": _power,
}
