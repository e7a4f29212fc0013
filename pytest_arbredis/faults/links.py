"""Acting on the links to a node: all of them, because a node has one announced proxy."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_arbredis.faults.fault import Undo
    from pytest_arbredis.proxy.toxics import Toxic
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

_numbers = itertools.count(1)


def add_toxic(deployment: Deployment, node: Node, toxic: Toxic, *, fault: str) -> Undo:
    """Add a toxic to the proxy of a node under a name of its own; gives what removes it again."""
    name = f"arbredis-{fault}-{next(_numbers)}"
    control = deployment.control
    control.add_toxic(node.name, toxic, name=name)

    def undo() -> None:
        state = control.proxies().get(node.name)
        if state is not None and name in {found.name for found in state.toxics}:
            control.remove_toxic(node.name, name)

    return undo


def close_connections(deployment: Deployment, node: Node) -> None:
    """End every connection through the proxy of a node, by disabling and enabling it."""
    deployment.control.disable(node.name)
    deployment.control.enable(node.name)
