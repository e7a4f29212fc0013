"""Empty restart: a primary without persistence dies, is started at once, and its replicas copy its emptiness.

It comes back before the Sentinels notice, so nobody is promoted. Whatever it had in files is removed while it is down.
"""

from __future__ import annotations

import shutil
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, cast

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import ArbredisError
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.patience import noticing_late
from pytest_arbredis.faults.primaries import require_primaries

if TYPE_CHECKING:
    from pytest_arbredis.faults.fault import Site, Undo
    from pytest_arbredis.topology.node import Node

DATA_FILES: Final = ("dbfilename", "appendfilename", "appenddirname")
"""Directives that name what Redis writes into its directory; the last is known from 7.0 on."""

ENDS_WITHIN_S: Final = 5.0
STARTS: Final = "Redis is starting"
READY: Final = "Ready to accept connections"
LOADED: Final = "DB loaded from"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyRestart:
    """SIGKILL of the target, its data files are DELETED, and it is started at once: all data is gone, on all nodes.

    Sentinels are given 10 s of patience meanwhile, as production's have: a container takes longer to start than fast
    ones wait. There is nothing to heal: roles are as before, and what is gone is gone.
    """

    name: ClassVar[str] = "empty_restart"
    nature: ClassVar[Nature] = Nature(
        client_sees="connections end, new ones are served at once; every key is gone, without any error",
        seen_by="another process that loaded nothing, and replicas that copied all of its data set",
        example="faults.empty_restart()",
        needs=("signals", "files"),
        met_by="after",
        cuts=True,
        momentary=True,
        observed_within_s=15.0,
    )

    def inject(self, site: Site) -> Undo:
        """Kill each target, remove its data files, start it again; returns when it answers."""
        require_primaries(site, "an empty restart", because="copies everything again")
        undo = noticing_late(site.deployment)
        try:
            for node in site.nodes:
                _restart_without_data(node)
                site.deployment.await_answering(node)
        except BaseException:
            undo()
            raise
        return undo

    def observe(self, site: Site) -> str:
        """Each target has another process that loaded nothing, and its replicas have copied all that it has since."""
        if len(site.pids) != len(site.nodes):
            return ""
        seen = [_seen(site, node, pid) for node, pid in zip(site.nodes, site.pids, strict=True)]
        return "; ".join(seen) if all(seen) else ""


def _restart_without_data(node: Node) -> None:
    names = [
        name for directive in DATA_FILES for name in cast("dict[str, str]", node.client.config_get(directive)).values()
    ]
    node.server.signal(signal.SIGKILL)
    wait_until(lambda: not node.is_running, within_s=ENDS_WITHIN_S, what=f"the end of {node.name}")
    try:
        _remove_data(node, names)
    finally:
        node.server.start()


def _remove_data(node: Node, names: list[str]) -> None:
    for name in filter(None, names):
        path = node.server.spec.directory / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _seen(site: Site, node: Node, pid_before: int | None) -> str:
    import redis

    pid = node.server.pid
    others = () if site.deployment.spec.kind == "dual" else site.deployment.nodes
    replicas = [other for other in others if other.name != node.name and other.is_running]
    try:
        if pid is None or pid == pid_before or not _loaded_nothing(node):
            return ""
        if not all(_copied(replica, node) for replica in replicas):
            return ""
        sizes = ", ".join(f"{one.name}: {one.client.dbsize()} keys" for one in (node, *replicas))
    except (redis.RedisError, ArbredisError):
        return ""
    return f"{node.name}: process {pid} instead of {pid_before} loaded nothing; {sizes}"


def _loaded_nothing(node: Node) -> bool:
    """Its log since its last start does not say that data was loaded."""
    _, started, since = node.server.log_path.read_text(errors="replace").rpartition(STARTS)
    return bool(started) and READY in since and LOADED not in since


def _copied(replica: Node, primary: Node) -> bool:
    """It follows the primary's present history, which no replica had a part of before."""
    role, info, leading = replica.role(), replica.replication(), primary.replication()
    if role is None or info is None or leading is None:
        return False
    return (
        role.primary == primary.proxied
        and role.link == "connected"
        and info["master_replid"] == leading["master_replid"]
    )
