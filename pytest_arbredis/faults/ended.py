"""Servers that ended: seen by the process table and the port, healed by starting them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.faults.probe import ping

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.faults.fault import Site, Undo
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node


def ended_by(site: Site, fits: Callable[[int], bool]) -> str:
    """What is seen if each target ended with a status that `fits`, and its port refuses connections; else ""."""
    seen = []
    for node in site.nodes:
        status = node.server.exit_status()
        direct = ping(node.direct)
        if status is None or not fits(status) or direct.ending != "refused":
            return ""
        seen.append(f"{node.name}: exit status {status}, port {node.direct[1]} refuses connections")
    return "; ".join(seen)


def starting_again(deployment: Deployment, node: Node) -> Undo:
    """Start it again, unless it runs."""

    def undo() -> None:
        if not node.is_running:
            deployment.start_again(node)

    return undo
