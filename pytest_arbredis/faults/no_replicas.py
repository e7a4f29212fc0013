"""No replicas: the primary has fewer good replicas than `min-replicas-to-write` wants, and refuses every write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, cast

from pytest_arbredis.faults.configuration import changed
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.primaries import require_primaries
from pytest_arbredis.faults.refusal import refusal
from pytest_arbredis.faults.replication_cut import ReplicationCut

if TYPE_CHECKING:
    from pytest_arbredis.topology.node import Node

WANTED: Final = "min-replicas-to-write"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoReplicas:
    """The target wants one replica more than there are, and those that there are do not follow it.

    One more, because a Sentinel has them follow again after its failover timeout (3 s with fast timing): writes are
    refused until it is healed all the same. Refused first and cut then, so that no write is acknowledged that no
    replica has. Healed by following again, and by restoring the setting, in the server and in its file.
    """

    name: ClassVar[str] = "no_replicas"
    nature: ClassVar[Nature] = Nature(
        client_sees="writes are refused with NOREPLICAS, certainly not applied; reads go on",
        seen_by="a write through the proxy is refused with NOREPLICAS, and INFO counts too few good replicas",
        example='faults.no_replicas("primary")',
        probe_counts=True,
    )

    def inject(self, site: Site) -> Undo:
        """Want more replicas than there are, and cut those."""
        require_primaries(site, "no replicas", because="has none that it could lose")
        deployment = site.deployment
        undos: list[Undo] = []
        undo = undoing_all(undos)
        try:
            for node in site.nodes:
                replicas = _replicas_of(site, node)
                undos.append(changed(node, {WANTED: len(replicas) + 1}))
                if replicas:
                    cut = Site(deployment=deployment, nodes=replicas, primary=node.name)
                    undos.append(ReplicationCut().inject(cut))
        except BaseException:
            undo()
            raise
        return undo

    def observe(self, site: Site) -> str:
        """A write through each target's proxy is refused with NOREPLICAS, and INFO counts too few good replicas."""
        seen = []
        for node in site.nodes:
            info = node.replication() or {}
            good = info.get("min_slaves_good_slaves")
            if good is None or refusal(node) != "NOREPLICAS":
                return ""
            wanted = cast("dict[str, str]", node.client.config_get(WANTED))[WANTED]
            seen.append(f"{node.name}: refuses a write with NOREPLICAS, {good} good replicas of {wanted}")
        return "; ".join(seen)


def _replicas_of(site: Site, node: Node) -> tuple[Node, ...]:
    return tuple(
        other for other in site.deployment.nodes if (role := other.role()) is not None and role.primary == node.proxied
    )
