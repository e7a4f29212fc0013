"""How servers become a topology: the same steps at the first start and at every reset.

The order is that of Redis's own test suite: every Sentinel forgets the primary before the first is told of it again,
or a hello with a higher epoch brings the old address back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import HarnessError
from pytest_arbredis.topology.settled import MASTER_NAME, Look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.servers.sentinel import Timing
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

LINKED_WITHIN_S = 15.0


def form(deployment: Deployment) -> None:
    """Make n0 the primary of all others, without data, and let the Sentinels watch it. Returns before it settled."""
    for sentinel in deployment.sentinels:
        _forget(sentinel)
    first, *others = deployment.nodes
    first.client.execute_command("REPLICAOF", "NO", "ONE")
    for node in deployment.nodes:
        node.client.execute_command("CLIENT", "UNPAUSE")
    first.client.flushall()
    first.client.script_flush()
    for node in others:
        _follow(node, first)
    wait_until(
        lambda: _linked(deployment),
        within_s=LINKED_WITHIN_S,
        what="replication links",
        every_s=0.005,
    )
    first.client.flushall()  # replicated though nothing is there: an offset for a Sentinel's first INFO to see
    wait_until(
        lambda: _caught_up(deployment),
        within_s=LINKED_WITHIN_S,
        what="the replicas' offsets",
        every_s=0.005,
    )
    for sentinel in deployment.sentinels:
        _monitor(deployment, sentinel, first)


def _follow(node: Node, primary: Node) -> None:
    """Follow at once: a replica that already waits to reconnect to the same address would wait up to a second more."""
    role = node.role()
    if role is not None and role.primary == primary.proxied and role.link != "connected":
        node.client.execute_command("REPLICAOF", "NO", "ONE")
    node.client.execute_command("REPLICAOF", *map(str, primary.proxied))


def _linked(deployment: Deployment) -> Look:
    first, *others = deployment.nodes
    for node in others:
        role = node.role()
        if role is None or role.link != "connected" or role.primary != first.proxied:
            return Look(f"{node.name} has no link to {first.name} yet ({role})")
    return Look()


def _caught_up(deployment: Deployment) -> Look:
    first, *others = deployment.nodes
    primary = first.role()
    for node in others:
        role = node.role()
        if primary is None or role is None or not 0 < primary.offset <= role.offset:
            return Look(f"{node.name} has not followed {first.name} yet ({role}, {primary})")
    return Look()


def _forget(sentinel: Node) -> None:
    import redis

    try:
        sentinel.client.sentinel_remove(MASTER_NAME)
    except redis.ResponseError as error:
        if "No such master" not in str(error):
            raise


def _monitor(deployment: Deployment, sentinel: Node, primary: Node) -> None:
    timing = deployment.timing
    index = deployment.sentinels.index(sentinel)
    client = sentinel.client
    tune(sentinel, timing.debug)
    host, port = primary.proxied
    client.sentinel_monitor(MASTER_NAME, host, port, deployment.spec.quorum)
    settings = {
        "down-after-milliseconds": timing.down_after(index, quorum=deployment.spec.quorum),
        "failover-timeout": timing.failover_timeout_ms,
        "parallel-syncs": 1,
    }
    arguments = [part for pair in settings.items() for part in pair]
    client.execute_command("SENTINEL", "SET", MASTER_NAME, *arguments)  # in one: each writes Sentinel's file to disk


def tune(sentinel: Node, settings: Sequence[tuple[str, int]]) -> None:
    """SENTINEL DEBUG, the switch that makes fast timing possible; nothing for no settings."""
    import redis

    if not settings:
        return
    arguments = [str(part) for pair in settings for part in pair]
    try:
        sentinel.client.execute_command("SENTINEL", "DEBUG", *arguments)
    except redis.ResponseError as error:
        raise HarnessError(
            f"{sentinel.name} does not know SENTINEL DEBUG ({error}), so fast timing is impossible",
            remedy="use Redis 7.0 or newer, or timing='production'",
        ) from error


def is_tuned(sentinel: Node, timing: Timing) -> bool:
    """Whether a Sentinel still has all settings of SENTINEL DEBUG that the timing wants."""
    if not timing.debug:
        return True
    answer = [str(part).lower() for part in cast("list[str]", sentinel.client.execute_command("SENTINEL", "DEBUG"))]
    found = dict(zip(answer[::2], answer[1::2], strict=True))
    return all(found.get(name) == str(value) for name, value in timing.debug)
