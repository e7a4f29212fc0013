"""Failover by command: Sentinel promotes a replica although the primary is well, as an operator would ask it to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import HarnessError
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.patience import correcting_late

if TYPE_CHECKING:
    from pytest_arbredis.faults.fault import Site, Undo

ACCEPTED_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failover:
    """SENTINEL FAILOVER. Only the Sentinels' patience is healed: the topology has another primary, and goes on."""

    name: ClassVar[str] = "failover"
    nature: ClassVar[Nature] = Nature(
        client_sees="all connections to the old primary end; then READONLY from it, until the new one is asked for",
        seen_by="another node says that it is master, and the old primary follows it",
        example="faults.failover()",
        needs=("sentinels",),
        cuts=True,
        momentary=True,
        observed_within_s=10.0,
    )

    def inject(self, site: Site) -> Undo:
        """Ask the first Sentinel; one that has no fresh view of a good replica is asked again."""
        import redis

        sentinels = site.deployment.sentinels

        def accepted() -> str:
            try:
                sentinels[0].client.sentinel_failover(site.deployment.master_name)
            except redis.ResponseError as error:
                if "NOGOODSLAVE" in str(error) or "No suitable" in str(error):
                    return ""
                raise HarnessError(f"SENTINEL FAILOVER was refused: {error}") from error
            return "accepted"

        undo = correcting_late(site.deployment, sentinels[1:])
        try:
            wait_until(accepted, within_s=ACCEPTED_WITHIN_S, what="a Sentinel that accepts a failover", every_s=0.05)
        except BaseException:
            undo()
            raise
        return undo

    def observe(self, site: Site) -> str:
        """Another node says that it is master, and the old primary follows it."""
        old = site.deployment.node(site.primary)
        old_role = old.role()
        if old_role is None or old_role.role != "slave":
            return ""
        for node in site.deployment.nodes:
            role = node.role()
            if node is not old and role is not None and role.role == "master" and old_role.primary == node.proxied:
                return f"{node.name} is master, {old.name} follows it"
        return ""
