"""The configuration that a server started with, and the way back to it: value and file."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pytest_arbredis.errors import UnhealedError

if TYPE_CHECKING:
    from pathlib import Path

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
    """CONFIG SET what differs; the file is restored last, when no Sentinel rewrites it any more.

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


def read_file(node: Node) -> str:
    """The text of its configuration file."""
    return _file(node).read_text()


def restore_file(node: Node) -> None:
    """The text that the server started with, if a CONFIG REWRITE (ours, a test's, a Sentinel's) has changed it.

    Replaced, not rewritten in place: a container's server may have left a file of another user.
    """
    path = _file(node)
    if not path.exists() or path.read_text() != node.conf_text:
        fresh = path.with_name(f"{path.name}.fresh")
        fresh.write_text(node.conf_text)
        fresh.replace(path)


def _file(node: Node) -> Path:
    return node.server.spec.directory / "redis.conf"
