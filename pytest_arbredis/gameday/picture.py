"""What a game day looks like now, as JSON: who is what, the links, the faults in force, what happened last."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pytest_arbredis.errors import ControlError
from pytest_arbredis.faults.fault import params_of
from pytest_arbredis.report.timeline import ROLES
from pytest_arbredis.topology.settled import look

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.faults.nemesis import Injection
    from pytest_arbredis.gameday.journal import Journal
    from pytest_arbredis.proxy.control import ProxyState
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

Json = dict[str, Any]
LAST_EVENTS = 12


def servers(deployment: Deployment) -> list[Json]:
    """Every server: does it run, what does it say that it is, what is on its link. All are asked at once.

    `role` is primary, replica or sentinel; empty if it does not answer. `says` is what it says of its own link, or whom
    a Sentinel holds for the primary; `link` what is not ordinary at its proxy.
    """
    try:
        proxies = deployment.control.proxies()
        unknown = ""
    except ControlError as error:
        proxies, unknown = {}, f"the proxy does not tell: {error.cause}"
    with ThreadPoolExecutor(len(deployment.servers), thread_name_prefix="game-day-status") as threads:
        nodes = [threads.submit(_data_node, deployment, node) for node in deployment.nodes]
        sentinels = [threads.submit(_sentinel, deployment, node) for node in deployment.sentinels]
        seen = [asked.result() for asked in nodes + sentinels]
    for node, found in zip(deployment.servers, seen, strict=True):
        found["link"] = unknown or _link(proxies.get(node.name))
    return seen


def whole(deployment: Deployment) -> str:
    """What is missing to a whole topology; empty if nothing is."""
    try:
        return look(deployment).missing
    except ControlError as error:
        return error.cause


def fault(injection: Injection, journal: Journal, *, heals_in_s: float | None = None, trouble: str = "") -> Json:
    """A fault, with what was seen of it; times in seconds."""
    line = injection.token.line
    return {
        "id": injection.token.id,
        "fault": injection.fault.name,
        "target": injection.target,
        "nodes": list(injection.nodes),
        "params": dict(params_of(injection.fault)),
        "began_s": round(journal.since_s(line["began_ns"]), 3),
        "for_s": round(journal.since_s() - journal.since_s(line["began_ns"]), 3),
        "heals_in_s": None if heals_in_s is None else round(max(0.0, heals_in_s), 3),
        "evidence": injection.evidence.detail if injection.evidence is not None else None,
        "healed": injection.healed,
        "momentary": injection.fault.nature.momentary,
        "trouble": trouble,
    }


def events(journal: Journal) -> list[Json]:
    """The last events that tell the story."""
    return [
        {"at_s": round(mark.at_s, 3), "source": mark.source, "event": mark.label}
        for mark in journal.story()[-LAST_EVENTS:]
    ]


def _data_node(deployment: Deployment, node: Node) -> Json:
    found = _any_server(node)
    role = node.role() if found["running"] else None
    if role is None:
        return found
    found["role"] = ROLES.get(role.role, role.role)
    if role.role == "slave":
        follows = deployment.addresses.get(role.primary, "nobody") if role.primary else "nobody"
        found["says"] = f"follows {follows}, link {role.link}, offset {role.offset}"
    else:
        found["says"] = f"offset {role.offset}"
    return found


def _sentinel(deployment: Deployment, node: Node) -> Json:
    import redis

    found = _any_server(node)
    if not found["running"]:
        return found
    try:
        named = node.client.sentinel_get_master_addr_by_name(deployment.master_name)
    except redis.RedisError:
        return found
    address = (str(named[0]), int(named[1])) if isinstance(named, tuple) else None
    found["role"] = "sentinel"
    found["says"] = f"holds {deployment.addresses.get(address, address)} for the primary" if address else "knows nobody"
    return found


def _any_server(node: Node) -> Json:
    status = node.server.exit_status()
    return {
        "name": node.name,
        "role": "",
        "address": list(node.proxied),
        "direct": list(node.direct),
        "running": status is None,
        "exit_status": status,
        "pid": node.server.pid,
        "says": "",
    }


def _link(proxy: ProxyState | None) -> str:
    if proxy is None:
        return "no proxy"
    if not proxy.enabled:
        return "down"
    return ", ".join(f"{toxic.type} {_attributes(toxic.attributes)} ({toxic.stream})" for toxic in proxy.toxics)


def _attributes(attributes: Mapping[str, object]) -> str:
    return " ".join(f"{name}={value}" for name, value in attributes.items())
