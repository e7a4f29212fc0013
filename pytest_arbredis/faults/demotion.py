"""Demotion: the primary becomes a replica and its clients are not told: on open connections, READONLY for ever.

As an operator does it with `FAILOVER`, or a managed service when it patches: a replica takes over in good order, and no
connection is closed. Where no replica follows it, the target follows an address where nobody listens.

Sentinels were not asked. They see a primary that says that it is a replica, hold it for down after down-after and two
info periods (1.3 s with fast timing, 25 s with production's), and promote: the replica that has taken over, because the
others are made the last choice. It is master already and the target follows it, so they disconnect no client of either.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import WaitTimeoutError
from pytest_arbredis.faults.configuration import changed
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.patience import correcting_late
from pytest_arbredis.faults.primaries import require_primaries
from pytest_arbredis.faults.refusal import refusal
from pytest_arbredis.faults.replication_cut import NOBODY

if TYPE_CHECKING:
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

CATCHES_UP_WITHIN_S = 5.0
"""A replica acknowledges once a second, and FAILOVER waits for that."""

LAST = 1_000_000
"""A replica-priority that no other replica has: promoted only where nobody else can be."""

NOTICED_WITHIN_S = CATCHES_UP_WITHIN_S + 2.0
TAKEN_BACK_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demotion:
    """Another node is primary, and the clients of the target stay connected to it.

    Healed without Sentinels by the same way back: the target is primary again and nothing is lost. With Sentinels by
    having them adopt the new primary: connections to the old one stay read-only until their owners ask again.
    """

    name: ClassVar[str] = "demotion"
    nature: ClassVar[Nature] = Nature(
        client_sees="open connections stay, every write on them is refused with READONLY; reads get older and older",
        seen_by="a write through the proxy is refused with READONLY, and ROLE says slave",
        example='faults.demotion("primary")',
        probe_counts=True,
        observed_within_s=10.0,
    )

    def inject(self, site: Site) -> Undo:
        """Let a replica take over from each target; returns when Sentinels have noticed."""
        require_primaries(site, "demotion", because="is demoted already")
        undos: list[Undo] = []
        undo = undoing_all(undos)
        try:
            for node in site.nodes:
                _demote(site.deployment, node, undos)
        except BaseException:
            undo()
            raise
        return undo

    def observe(self, site: Site) -> str:
        """A write through each target's proxy is refused with READONLY, and it says that it follows another."""
        seen = []
        names = site.deployment.addresses
        for node in site.nodes:
            role = node.role()
            was_primary = node.name == site.primary or site.deployment.spec.kind == "dual"
            if not was_primary or role is None or role.role != "slave" or refusal(node) != "READONLY":
                return ""
            whom = names.get(role.primary, "nobody") if role.primary is not None else "nobody"
            seen.append(f"{node.name}: refuses a write with READONLY, follows {whom}")
        return "; ".join(seen)


def _demote(deployment: Deployment, node: Node, undos: list[Undo]) -> None:
    followers = [other for other in deployment.nodes if _follows(other, node)]
    if not followers:
        undos.append(lambda: _promote_again(node))
        node.client.execute_command("REPLICAOF", *map(str, NOBODY))
        return
    heir = min(followers, key=lambda follower: _priority(follower) or LAST)
    if deployment.sentinels:  # of the heir itself they would not hear it: a primary's INFO has no priority
        for other in followers:
            if other is not heir:
                undos.append(changed(other, {"replica-priority": LAST}))  # noqa: PERF401 - one may fail after another
    undos.append(lambda: _adopt(deployment, node) if deployment.sentinels else _take_back(deployment, node, heir))
    soon_again = correcting_late(deployment, deployment.sentinels)
    try:
        _hand_over(node, heir)
        with contextlib.suppress(WaitTimeoutError):  # `observe` says then what came of it
            wait_until(lambda: _reported(deployment, node), within_s=NOTICED_WITHIN_S, what="Sentinels that notice")
    finally:
        soon_again()


def _priority(node: Node) -> int:
    return int(cast("dict[str, str]", node.client.config_get("replica-priority"))["replica-priority"])


def _hand_over(node: Node, heir: Node) -> None:
    host, port = map(str, heir.proxied)
    node.client.execute_command("FAILOVER", "TO", host, port, "TIMEOUT", str(int(CATCHES_UP_WITHIN_S * 1000)))


def _follows(other: Node, node: Node) -> bool:
    role = other.role()
    return role is not None and role.primary == node.proxied and role.link == "connected"


def _reported(deployment: Deployment, node: Node) -> bool:
    """It says that it is a replica, and every Sentinel has heard it: until then one may turn the heir back."""
    role = node.role()
    if role is None or role.role != "slave":
        return False
    return all(
        cast("dict[str, Any]", sentinel.client.sentinel_master(deployment.master_name))["role-reported"] == "slave"
        for sentinel in deployment.sentinels
        if sentinel.is_running and deployment.timing.debug  # else they ask for INFO every 10 s, and correct as late
    )


def _promote_again(node: Node) -> None:
    role = node.role()
    if role is not None and role.primary == NOBODY:
        node.client.execute_command("REPLICAOF", "NO", "ONE")


def _adopt(deployment: Deployment, node: Node) -> None:
    """Have the Sentinels take the heir for the primary, which they do by themselves, but later."""
    import redis

    def adopted() -> bool:
        pending = [
            sentinel for sentinel in deployment.sentinels if sentinel.is_running and _names(deployment, sentinel, node)
        ]
        if pending and pending[0] is deployment.sentinels[0]:
            with contextlib.suppress(redis.ResponseError):  # in progress already, or no fresh view of the heir yet
                pending[0].client.sentinel_failover(deployment.master_name)
        return not pending

    role = node.role()
    if role is not None and role.role == "slave":
        wait_until(adopted, within_s=TAKEN_BACK_WITHIN_S, every_s=0.05, what=f"Sentinels that leave {node.name}")


def _names(deployment: Deployment, sentinel: Node, node: Node) -> bool:
    found = sentinel.client.sentinel_get_master_addr_by_name(deployment.master_name)
    return isinstance(found, tuple) and (str(found[0]), int(found[1])) == node.proxied


def _take_back(deployment: Deployment, node: Node, heir: Node) -> None:
    """The target is primary again and everybody follows it; in good order where the heir still leads."""
    leading = heir.role()
    if leading is not None and leading.role == "master" and not _is_master(node):
        wait_until(
            lambda: _follows(node, heir), within_s=TAKEN_BACK_WITHIN_S, what=f"{node.name} to follow {heir.name}"
        )
        _hand_over(heir, node)
        wait_until(lambda: _is_master(node), within_s=TAKEN_BACK_WITHIN_S, what=f"{node.name} to be primary again")
    elif not _is_master(node):
        node.client.execute_command("REPLICAOF", "NO", "ONE")
    for other in deployment.nodes:
        role = other.role()
        if other is not node and role is not None and role.primary != node.proxied:
            other.client.execute_command("REPLICAOF", *map(str, node.proxied))


def _is_master(node: Node) -> bool:
    role = node.role()
    return role is not None and role.role == "master"
