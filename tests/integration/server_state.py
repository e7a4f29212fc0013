"""All that a reset must bring back, asked of the servers by commands of this file's own."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter

import redis

from pytest_arbredis._clock import wait_until
from pytest_arbredis.faults.failover import Failover
from pytest_arbredis.faults.fault import Site
from pytest_arbredis.topology import formation
from pytest_arbredis.topology.settled import MASTER_NAME

SCRIPT = hashlib.sha1(b"return 1", usedforsecurity=False).hexdigest()
OF_A_PRIMARY = ("ip", "port", "quorum", "down-after-milliseconds", "failover-timeout", "parallel-syncs", "flags")


def state(deployment):
    """Roles, configuration, users, functions, files, data, connections, Sentinels' settings, proxies."""
    deployed = {node.name for node in deployment.servers}
    return {
        "roles": {
            node.name: (role := node.role()) and (role.role, role.primary, role.link) for node in deployment.nodes
        },
        "values": {node.name: node.client.config_get("*") for node in deployment.nodes},
        "users": {node.name: users(node) for node in deployment.servers},
        "functions": {node.name: node.client.function_list() for node in deployment.nodes},
        "connections": {node.name: connections(node) for node in deployment.servers},
        "files": {node.name: (node.server.spec.directory / "redis.conf").read_text() for node in deployment.nodes},
        "data": {node.name: node.client.info("keyspace") for node in deployment.nodes},
        "scripts": [node.client.script_exists(SCRIPT) for node in deployment.nodes],
        "writable": [node.client.delete("nothing") for node in deployment.nodes if node is deployment.primary()],
        "sentinels": {node.name: watched(deployment, node) for node in deployment.sentinels},
        "proxies": {name: state for name, state in deployment.control.proxies().items() if name in deployed},
    }


def state_or_none(deployment):
    """The same; None while a server does not answer."""
    try:
        return state(deployment)
    except redis.RedisError:
        return None


def users(node):
    """ACL LIST without a rule that is the default, but that nobody can take away again from a user who was reset."""
    return [line.replace(" sanitize-payload", "") for line in node.client.execute_command("ACL", "LIST")]


def connections(node):
    """How many there are of each kind, but for the harness's own."""
    return Counter(
        f"{re.sub('sentinel-[0-9a-f]+', 'sentinel', client['name'])} {client['flags']} {client['user']}"
        for client in node.client.client_list()
        if client["name"] != "arbredis-harness"
    )


def watched(deployment, sentinel):
    masters = sentinel.client.sentinel_masters()
    settings = (sentinel.server.spec.directory / "redis.conf").read_text().splitlines()
    return {
        **{name: {key: master.get(key) for key in OF_A_PRIMARY} for name, master in masters.items()},
        "tuned": formation.is_tuned(sentinel, deployment.timing),
        "replicas": sorted(int(replica["port"]) for replica in sentinel.client.sentinel_slaves(MASTER_NAME)),
        "settings": sorted(line for line in settings if line and not re.search("myid|epoch|known-|^#|^user ", line)),
    }


def comparable(deployment, state):
    """A state without what differs between two deployments by nature: ports, folders, random passwords."""
    text = json.dumps(state, default=str, sort_keys=True, indent=1)
    for node in deployment.servers:
        for part in ("proxied", "direct"):
            text = re.sub(rf"\b{getattr(node, part)[1]}\b", f"{part}-{node.name}", text)
        if node.login.password:
            digest = hashlib.sha256(node.login.password.encode()).hexdigest()
            text = text.replace(node.login.password, "PASSWORD").replace(digest, "DIGEST")
    return text.replace(str(deployment.root), "ROOT")


def promote_another(deployment):
    """A failover by command, waited for."""
    before = deployment.primary()
    site = Site(deployment=deployment, nodes=(before,), primary=before.name)
    undo = Failover().inject(site)
    wait_until(lambda: Failover().observe(site), within_s=10, what="another primary")
    undo()
    return before
