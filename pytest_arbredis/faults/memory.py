"""Filling a server's memory: how much Redis counts, a limit above it, keys of ours, and their removal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.configuration import changed

if TYPE_CHECKING:
    import redis

    from pytest_arbredis.faults.fault import Undo
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

MB: Final = 1024 * 1024

CHUNK: Final = b"\x00" * 4096
"""Small enough that the connection's own buffers, which count as used memory and shrink later, stay small."""

FILLER: Final = "arbredis:filler"
MOST_HEADROOM_MB: Final = 512


def require_headroom(headroom_mb: int) -> None:
    """Refuse a headroom that could not be filled, or would fill the machine."""
    if type(headroom_mb) is not int or not 1 <= headroom_mb <= MOST_HEADROOM_MB:
        raise UsageError(f"headroom_mb={headroom_mb!r}", remedy=f"use 1 to {MOST_HEADROOM_MB} MB")


def counted(node: Node) -> int:
    """Bytes that Redis compares with maxmemory: those in use, without the buffers of replicas."""
    info = cast("dict[str, int]", node.client.info("memory"))
    return int(info["used_memory"]) - int(info.get("mem_not_counted_for_evict", 0))


def limited(deployment: Deployment, node: Node, *, policy: str, headroom_mb: int) -> Undo:
    """Set a limit so far above what is used; the undo lifts it, then removes the filler where it can be written."""
    limit = counted(node) + _backlog_to_come(node) + headroom_mb * MB
    restore = changed(node, {"maxmemory-policy": policy, "maxmemory": limit})

    def undo() -> None:
        restore()
        for writable in deployment.nodes:  # another may be primary now, with a copy of it
            role = writable.role()
            if role is not None and role.role == "master":
                for keys in _batches(writable.client):
                    writable.client.unlink(*keys)

    return undo


def _backlog_to_come(node: Node) -> int:
    """Bytes by which the replication backlog grows while something is written: they count as used, too."""
    info = node.replication() or {}
    return int(info["repl_backlog_size"]) - int(info["repl_backlog_histlen"]) if info.get("repl_backlog_active") else 0


def _batches(client: redis.Redis) -> list[list[str]]:
    keys = [str(key) for key in client.scan_iter(match=f"{FILLER}:*", count=1000)]
    return [keys[start : start + 500] for start in range(0, len(keys), 500)]
