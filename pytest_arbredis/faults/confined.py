"""The container of a node, where it has one: what its engine can do to it, and what it says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.errors import UsageError
from pytest_arbredis.servers.launcher import Confined, Confinement

if TYPE_CHECKING:
    from pytest_arbredis.topology.node import Node


def confined(node: Node) -> Confined:
    """The node's container. A server that is none is a usage error."""
    if not isinstance(node.server, Confined):
        raise UsageError(f"{node.name} is no container", remedy="use the launcher 'docker'")
    return node.server


def confinement_of(node: Node) -> Confinement | None:
    """What the engine says of the node's container now; None if it is none."""
    return node.server.confinement() if isinstance(node.server, Confined) else None
