"""Memory limit: the container's memory is really filled until the kernel's out-of-memory killer ends the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.confined import confined, confinement_of
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.probe import ping

if TYPE_CHECKING:
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

MB = 1024 * 1024
LEAST_MB, MOST_MB = 16, 256
"""A server uses some 8 MB. What is sent must be less than the 512 MB of the largest value that Redis reads."""
KILLED = -9
ENDS_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimit:
    """The target's container may use `mb` MB (`docker update --memory`), and a half-sent value of ours fills that.

    The kernel ends the server without a word to it: no reply, no save, no line in its log. The value never becomes a
    key, so that nothing of it is replicated or left. Healed by lifting the limit and starting the server again.
    """

    name: ClassVar[str] = "memory_limit"
    nature: ClassVar[Nature] = Nature(
        client_sees="open connections end, new ones are refused; with Sentinels another primary",
        seen_by="the engine says that the kernel ended it for want of memory; exit status -9, connections are refused",
        example='faults.memory_limit("primary", mb=64)',
        needs=("containers",),
        cuts=True,
        probe_counts=True,
        keeps_data=True,
        observed_within_s=15.0,
    )

    mb: int

    def __post_init__(self) -> None:
        """Refuse a limit that no server fits into, or that could not be filled."""
        if type(self.mb) is not int or not LEAST_MB <= self.mb <= MOST_MB:
            raise UsageError(f"memory_limit of mb={self.mb!r}", remedy=f"use {LEAST_MB} to {MOST_MB} MB")

    def inject(self, site: Site) -> Undo:
        """Limit each target's container and fill it until it is ended."""
        for node in site.nodes:
            info = cast("dict[str, int]", node.client.info("memory"))
            used_mb = int(info["used_memory_rss"]) / MB
            if used_mb > self.mb:
                raise UsageError(
                    f"memory_limit of mb={self.mb} on {node.name}, which uses {used_mb:.0f} MB",
                    remedy="use a limit above that",
                )
        undos: list[Undo] = []
        undo = undoing_all(undos)
        try:
            for node in site.nodes:
                undos.append(_lift(site.deployment, node))
                confined(node).limit_memory(self.mb * MB)
                _fill(node, 2 * self.mb * MB)
        except BaseException:
            undo()
            raise
        return undo

    def observe(self, site: Site) -> str:
        """The engine has each target as ended for want of memory under its limit, and its port refuses connections."""
        seen = []
        for node in site.nodes:
            found = confinement_of(node)
            status = node.server.exit_status()
            if found is None or not found.out_of_memory or not found.memory_bytes or status != KILLED:
                return ""
            if ping(node.direct).ending != "refused":
                return ""
            limit_mb = found.memory_bytes / MB
            seen.append(
                f"{node.name}: ended by the kernel for want of memory (limit {limit_mb:.0f} MB, status {status})"
            )
        return "; ".join(seen)


def _fill(node: Node, count: int) -> None:
    """Send a value that is never complete; returns when the server has ended."""
    import redis

    client = node.connect(timeout_s=ENDS_WITHIN_S)
    try:
        alone: Any = client.client()
        alone.connection.send_packed_command([b"*3\r\n$3\r\nSET\r\n$16\r\narbredis:filler:\r\n$%d\r\n" % (count + 1)])
        for _ in range(count // MB):
            alone.connection.send_packed_command([bytes(MB)])
    except redis.RedisError:
        pass  # it ended, as it should: the probe tells
    finally:
        client.close()
    wait_until(
        lambda: not node.is_running,
        within_s=ENDS_WITHIN_S,
        what=f"the kernel to end {node.name} for want of memory",
        remedy="see `docker inspect` for the limit, and the kernel's log",
    )


def _lift(deployment: Deployment, node: Node) -> Undo:
    server = confined(node)

    def undo() -> None:
        server.limit_memory(None)
        if not node.is_running:
            deployment.start_again(node)

    return undo
