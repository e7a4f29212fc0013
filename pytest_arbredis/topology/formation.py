"""How servers become a topology: the same steps at the first start and at every reset.

The order is that of Redis's own test suite: every Sentinel forgets the primary before the first is told of it again,
or a hello with a higher epoch brings the old address back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import HarnessError, UsageError
from pytest_arbredis.servers.sentinel import PER_PRIMARY
from pytest_arbredis.topology import dataset
from pytest_arbredis.topology.settled import MASTER_NAME, Look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.servers.sentinel import Timing
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

LINKED_WITHIN_S = 15.0


def form(deployment: Deployment) -> None:
    """Make n0 the primary of all others, with the data of the start, and let the Sentinels watch it.

    In a dual topology nobody follows anybody. Returns before it settled.
    """
    for sentinel in deployment.sentinels:
        _forget(sentinel)
    first, *others = deployment.nodes
    for leader in deployment.leaders:
        leader.client.execute_command("REPLICAOF", "NO", "ONE")
    for node in deployment.nodes:
        node.client.execute_command("CLIENT", "UNPAUSE")
    _empty(first)
    for node in others:
        if node not in deployment.leaders:
            _follow(node, first)
    wait_until(
        lambda: _linked(deployment),
        within_s=LINKED_WITHIN_S,
        what="replication links",
        every_s=0.005,
    )
    for leader in deployment.leaders:
        dataset.renew(deployment, leader)  # replicated though nothing is there: a Sentinel's first INFO sees an offset
    wait_until(
        lambda: _caught_up(deployment),
        within_s=LINKED_WITHIN_S,
        what="the replicas' offsets",
        every_s=0.005,
    )
    for sentinel in deployment.sentinels:
        _monitor(deployment, sentinel, first)


def _empty(node: Node) -> None:
    """FLUSHALL before anybody copies it; one that wants replicas first (min-replicas-to-write) is emptied later."""
    import redis

    try:
        node.client.flushall()
    except redis.ResponseError as error:
        if not str(error).startswith("NOREPLICAS"):
            raise


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
        if node in deployment.leaders:
            continue
        if role is None or role.link != "connected" or role.primary != first.proxied:
            return Look(f"{node.name} has no link to {first.name} yet ({role})")
    return Look()


def _caught_up(deployment: Deployment) -> Look:
    first, *others = deployment.nodes
    primary = first.role()
    for node in others:
        role = node.role()
        if node in deployment.leaders:
            continue
        if primary is None or role is None or not 0 < primary.offset <= role.offset:
            return Look(f"{node.name} has not followed {first.name} yet ({role}, {primary})")
    return Look()


def _forget(sentinel: Node) -> None:
    """Have it watch nothing, ours or anybody's."""
    import redis

    for name in {MASTER_NAME, *cast("dict[str, object]", sentinel.client.sentinel_masters())}:
        try:
            sentinel.client.sentinel_remove(name)
        except redis.ResponseError as error:
            if "No such master" not in str(error):
                raise


def _monitor(deployment: Deployment, sentinel: Node, primary: Node) -> None:
    import redis

    timing = deployment.timing
    spec = deployment.spec
    tune(sentinel, timing.debug)
    settings: dict[str, object] = {
        "down-after-milliseconds": timing.down_after(deployment.sentinels.index(sentinel), quorum=spec.quorum),
        "failover-timeout": timing.failover_timeout_ms,
        "parallel-syncs": 1,
    }
    settings |= {name: value for name, value in spec.sentinel_conf if name in PER_PRIMARY and name != "quorum"}
    if primary.login.password is not None:
        settings |= {"auth-user": primary.login.user, "auth-pass": primary.login.password}
    arguments = [str(part) for pair in settings.items() for part in pair]
    asking = sentinel.client.pipeline(transaction=False)  # at once: it connects as who it is told to be
    asking.sentinel_monitor(MASTER_NAME, *primary.proxied, spec.quorum)
    asking.execute_command("SENTINEL", "SET", MASTER_NAME, *arguments)  # in one: each writes Sentinel's file to disk
    try:
        asking.execute()
    except redis.ResponseError as error:
        raise UsageError(
            f"{sentinel.name} refused its settings: {error}", remedy="mend sentinel_conf= of the topology"
        ) from error


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
