"""Replication cut: the targets stop following their primary, which goes on acknowledging writes without them.

Forced by `REPLICAOF` to an address where nobody listens: `CLIENT KILL TYPE replica` would lose nothing, because
replicas reconnect at once. Sentinel puts it right by itself only after the failover timeout ("+fix-slave-config").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature

if TYPE_CHECKING:
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

NOBODY = ("127.0.0.1", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicationCut:
    """The targets, replicas, follow nobody. Healed by following whoever is primary then."""

    name: ClassVar[str] = "replication_cut"
    nature: ClassVar[Nature] = Nature(
        client_sees="nothing: writes are acknowledged and go nowhere else; WAIT confirms nothing",
        seen_by="the replicas say that their link is down, and the primary counts none of them",
        example='faults.replication_cut("replicas")',
        needs=("replicas",),
        met_by="any",
        met_at="primary",
    )

    def inject(self, site: Site) -> Undo:
        """Point each target at an address where nobody listens."""
        for node in site.nodes:
            if node.name == site.primary:
                raise UsageError(
                    f"a replication cut of {node.name}, which is the primary and follows nobody",
                    remedy="use 'replicas', 'replica' or the name of a replica",
                )
        for node in site.nodes:
            node.client.execute_command("REPLICAOF", NOBODY[0], str(NOBODY[1]))
        return undoing_all([_follow_again(site.deployment, node) for node in site.nodes])

    def observe(self, site: Site) -> str:
        """The primary counts none of the targets among its replicas, and each says that its link is down."""
        seen = []
        for node in site.nodes:
            info = node.replication()
            if info is None or info.get("master_link_status") != "down":
                return ""
            seen.append(f"{node.name}: link down at offset {info.get('slave_repl_offset')}")
        primary = site.deployment.node(site.primary).replication() if site.primary else None
        expected = len(site.deployment.nodes) - 1 - len(site.nodes)
        if primary is None or primary.get("connected_slaves", 0) > expected:
            return ""
        return "; ".join(seen) + f"; {site.primary} has {primary['connected_slaves']} replicas"


def _follow_again(deployment: Deployment, node: Node) -> Undo:
    def undo() -> None:
        role = node.role()
        if role is not None and role.primary == NOBODY:
            node.client.execute_command("REPLICAOF", *map(str, deployment.primary().proxied))

    return undo
