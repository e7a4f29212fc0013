"""Is a topology whole? Asked of every server directly; the answer is the first thing that is not as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

MASTER_NAME = "arbredis"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look saw: truthy when whole, else `missing` says what is not (yet) so."""

    missing: str = ""

    def __bool__(self) -> bool:
        return not self.missing

    def __repr__(self) -> str:
        return self.missing or "settled"


def look(deployment: Deployment) -> Look:
    """One look at all servers: processes, roles, links, offsets, Sentinels' views, proxies."""
    import redis

    try:
        missing = (
            _processes(deployment)
            or _data_nodes(deployment)
            or _loading(deployment)
            or _sentinels(deployment)
            or deployment.proxies_differ()
        )
    except redis.RedisError as error:
        return Look(f"a server does not answer yet ({error})")
    return Look(missing)


def _processes(deployment: Deployment) -> str:
    for node in deployment.servers:
        if not node.is_running:
            return f"{node.name} does not run (exit status {node.server.exit_status()})"
    return ""


def _data_nodes(deployment: Deployment) -> str:
    if len(deployment.leaders) > 1:
        return _independent(deployment)
    roles = {node.name: node.role() for node in deployment.nodes}
    primaries = [node for node in deployment.nodes if (role := roles[node.name]) and role.role == "master"]
    if len(primaries) != 1:
        return f"{len(primaries)} primaries instead of one: {', '.join(map(str, primaries)) or 'none answers'}"
    primary = primaries[0]
    primary_role = roles[primary.name]
    wanted = primary_role.offset if primary_role else 0
    for node in deployment.nodes:
        if node is primary:
            continue
        role = node.role()
        if role is None or role.primary != primary.proxied or role.link != "connected":
            return f"{node.name} does not follow {primary.name} yet ({role})"
        if role.offset < wanted:
            return f"{node.name} is {wanted - role.offset} bytes behind {primary.name}"
    info = primary.replication() or {}
    if info.get("connected_slaves") != len(deployment.nodes) - 1:
        return f"{primary.name} sees {info.get('connected_slaves')} replicas"
    return ""


def _loading(deployment: Deployment) -> str:
    """A node that reads its files answers ROLE, and refuses every read."""
    for node in deployment.nodes:
        if int(node.client.info("persistence")["loading"]):
            return f"{node.name} is loading its data"
    return ""


def _independent(deployment: Deployment) -> str:
    """Several primaries, none of which follows or is followed."""
    for node in deployment.leaders:
        role, info = node.role(), node.replication() or {}
        if role is None or role.role != "master" or info.get("connected_slaves") != 0:
            return f"{node.name} is no primary of its own yet ({role}, {info.get('connected_slaves')} replicas)"
    return ""


def _sentinels(deployment: Deployment) -> str:
    if not deployment.sentinels:
        return ""
    primary = next((node for node in deployment.nodes if (role := node.role()) and role.role == "master"), None)
    if primary is None:
        return "no node says any more that it is primary"
    epochs = set()
    for sentinel in deployment.sentinels:
        missing, epoch = _view(deployment, sentinel, primary)
        if missing:
            return f"{sentinel.name}: {missing}"
        epochs.add(epoch)
    return "" if len(epochs) == 1 else f"Sentinels hold different configuration epochs {sorted(epochs)}"


def _view(deployment: Deployment, sentinel: Node, primary: Node) -> tuple[str, int]:
    """What this Sentinel believes, and the epoch of its configuration."""
    import redis

    try:
        master = cast("dict[str, Any]", sentinel.client.sentinel_master(deployment.master_name))
    except redis.ResponseError:
        return "does not monitor the primary yet", 0
    if int(sentinel.client.info("sentinel")["sentinel_tilt"]):
        return "is in TILT: it was paused, or the clock went wrong, and it does nothing for a while", 0
    if (master["ip"], int(master["port"])) != primary.proxied:
        return f"believes that {master['ip']}:{master['port']} is the primary, not {primary.name}", 0
    if master["flags"] != "master":
        return f"sees the primary as {master['flags']}", 0
    if int(master["num-other-sentinels"]) != len(deployment.sentinels) - 1:
        return f"knows {master['num-other-sentinels']} other Sentinels", 0
    others = cast("list[dict[str, Any]]", sentinel.client.sentinel_sentinels(deployment.master_name))
    for other in others:
        if other["flags"] != "sentinel":
            return f"sees the Sentinel at port {other['port']} as {other['flags']}", 0
    replicas = sentinel.client.sentinel_slaves(deployment.master_name)
    wanted = {node.proxied for node in deployment.nodes if node is not primary}
    if {(replica["ip"], int(replica["port"])) for replica in replicas} != wanted:
        return f"knows {len(replicas)} of {len(wanted)} replicas", 0
    for replica in replicas:
        if replica["flags"] != "slave" or replica["master-link-status"] != "ok":
            return f"sees the replica at port {replica['port']} as {replica['flags']}", 0
        if int(replica["slave-repl-offset"]) == 0:
            return f"has not seen the offset of the replica at port {replica['port']} yet", 0
    return "", int(master["config-epoch"])
