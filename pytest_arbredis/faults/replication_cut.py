"""Replication cut: the targets stop following their primary, which goes on acknowledging writes without them.

Forced by `REPLICAOF` to an address where nobody listens: `CLIENT KILL TYPE replica` would lose nothing, because
replicas reconnect at once. Sentinel puts it right by itself only after the failover timeout ("+fix-slave-config").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pytest_arbredis.faults.fault import Site, Undo

NOBODY = ("127.0.0.1", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicationCut:
    """The targets, replicas, follow nobody. Healed by following whoever is primary then."""

    name: ClassVar[str] = "replication_cut"

    def inject(self, site: Site) -> Undo:
        """Point each target at an address where nobody listens."""
        for node in site.nodes:
            node.client.execute_command("REPLICAOF", NOBODY[0], str(NOBODY[1]))

        def undo() -> None:
            for node in site.nodes:
                role = node.role()
                if role is not None and role.primary == NOBODY:
                    primary = site.deployment.primary()
                    node.client.execute_command("REPLICAOF", *map(str, primary.proxied))

        return undo

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
