"""The way back to the start, without a restart: what differs is restored, and looked at again.

Nothing is taken on trust: every server is read before (`fingerprint.py`), and read again after it was formed anew. What
still differs then is named by an `UnhealedError`.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, cast

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import UnhealedError
from pytest_arbredis.servers import sync_ledger
from pytest_arbredis.topology import baseline, dataset, formation, log_length
from pytest_arbredis.topology.fingerprint import Fingerprint, read, read_sentinel
from pytest_arbredis.topology.settled import look

if TYPE_CHECKING:
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

ENDED_WITHIN_S = 5.0


def take_start(deployment: Deployment) -> None:
    """Remember what every server is like as the start that resets lead back to."""
    for node, found in fingerprints(deployment).items():
        node.start = found
        if node in deployment.nodes:
            node.baseline = dict(found.configuration)
            node.conf_text = baseline.read_file(node)
            sync_ledger.age(node.server.spec.directory)


def fingerprints(deployment: Deployment) -> dict[Node, Fingerprint]:
    """What every server is like now."""
    found = {node: read(node) for node in deployment.nodes}
    return found | {node: read_sentinel(node) for node in deployment.sentinels}


def differences(deployment: Deployment) -> list[str]:
    """What of the servers is not as at the start, each with the server's name."""
    return [difference for node, now in fingerprints(deployment).items() for difference in _of(node, now)]


def back_to_start(deployment: Deployment) -> None:
    """Proxies, processes, configuration, users, functions, Sentinels, roles, data and files as at the start."""
    if deployment.proxies_differ():
        deployment.restore_proxies()
    for node in deployment.servers:
        deployment.revive(node)
    found = fingerprints(deployment)
    touched = {node: now for node, now in found.items() if node.start is not None and node.start != now}
    for node, now in touched.items():
        _restore(node, now) if node in deployment.nodes else _renew(deployment, node, now)
    for node, now in found.items():
        end_connections(node, now.foreign)
    formed = bool(touched) or not _roles_untouched(deployment)
    if not formed:
        for leader in deployment.leaders:
            dataset.renew(deployment, leader)
    else:
        formation.form(deployment)
    log_length.shorten(deployment.nodes)
    deployment.settled()
    if formed and (left := differences(deployment)):
        raise UnhealedError("a reset left differences: " + "; ".join(left), remedy="the deployment is rebuilt")
    for node in deployment.nodes:
        baseline.restore_file(node)
        sync_ledger.age(node.server.spec.directory)
        _forget_evictions(node)


def _forget_evictions(node: Node) -> None:
    """A server counts the keys that it has evicted: who asks for that figure must not be told of another run's."""
    if cast("dict[str, int]", node.client.info("stats"))["evicted_keys"]:
        node.client.config_resetstat()


def _of(node: Node, now: Fingerprint) -> list[str]:
    return [f"{node.name}: {difference}" for difference in node.start.differences(now)] if node.start else []


def _roles_untouched(deployment: Deployment) -> bool:
    role = deployment.nodes[0].role()
    return role is not None and role.role == "master" and bool(look(deployment))


def _restore(node: Node, now: Fingerprint) -> None:
    """Configuration and users of a data node; functions are data, and renewed with it."""
    start = node.start or now
    baseline.restore(node, now.configuration)
    if start.users != now.users:
        baseline.restore_users(node, start.users, now.users)


def _renew(deployment: Deployment, sentinel: Node, now: Fingerprint) -> None:
    """A Sentinel whose own settings were changed starts again from its first file: few can be set back at run time."""
    start = sentinel.start or now
    if start.users == now.users and start.lines == now.lines:
        return
    sentinel.server.signal(signal.SIGKILL)
    wait_until(lambda: not sentinel.is_running, within_s=ENDED_WITHIN_S, what=f"the end of {sentinel.name}")
    baseline.write_file(sentinel, baseline.CONF, sentinel.conf_text)
    deployment.revive(sentinel)


def end_connections(node: Node, ids: tuple[str, ...]) -> None:
    """CLIENT KILL of those connections, blocked ones too. One that has ended meanwhile is no error."""
    import redis

    if not ids:
        return
    asking = node.client.pipeline(transaction=False)
    for connection in ids:
        asking.execute_command("CLIENT", "KILL", "ID", connection)
    for answer in asking.execute(raise_on_error=False):
        if isinstance(answer, Exception) and not isinstance(answer, redis.ResponseError):
            raise answer
