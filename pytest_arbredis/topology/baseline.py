"""The configuration that a server started with, and the way back to it: value and file."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pytest_arbredis.errors import UnhealedError

if TYPE_CHECKING:
    from pytest_arbredis.topology.node import Node

VOLATILE = frozenset({"replicaof", "slaveof"})
"""Roles are restored by REPLICAOF, not by CONFIG SET."""


def read_configuration(node: Node) -> dict[str, str]:
    """CONFIG GET *, without what changes by role."""
    values = cast("dict[str, str]", node.client.config_get("*"))
    return {name: value for name, value in values.items() if name not in VOLATILE}


def differences(node: Node) -> dict[str, tuple[str, str]]:
    """Directives that are not as at the start: name → (at the start, now)."""
    now = read_configuration(node)
    return {name: (wanted, now.get(name, "")) for name, wanted in node.baseline.items() if now.get(name, "") != wanted}


def restore(node: Node) -> None:
    """CONFIG SET what differs, and write the file, because a Sentinel's reconfiguration may have rewritten it.

    Raises `UnhealedError` if a directive cannot be set back at run time.
    """
    import redis

    for name, (wanted, now) in differences(node).items():
        try:
            node.client.config_set(name, wanted)
        except redis.RedisError as error:
            raise UnhealedError(
                f"{node.name}: {name} is {now!r} and cannot be set back to {wanted!r}: {error}",
                remedy="the deployment is rebuilt",
            ) from error
    node.client.config_rewrite()
