"""Acting on the links to a node: all of them, because a node has one announced proxy."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import UnansweredError

if TYPE_CHECKING:
    from pytest_arbredis.faults.fault import Undo
    from pytest_arbredis.proxy.toxics import Toxic
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

_numbers = itertools.count(1)

REMOVED_WITHIN_S = 60.0
"""Toxiproxy 2.12 removes a toxic only after it has tried to deliver what is delayed, 5 s for each of up to three pieces
(`WriteOutput` in its link.go), also to a client that hung up meanwhile, one connection after another. Until then it
answers nothing about that proxy, and then goes on as if nothing had been."""


def add_toxic(deployment: Deployment, node: Node, toxic: Toxic, *, fault: str) -> Undo:
    """Add a toxic to the proxy of a node under a name of its own; gives what removes it again."""
    name = f"arbredis-{fault}-{next(_numbers)}"
    control = deployment.control
    control.add_toxic(node.name, toxic, name=name)

    def gone() -> bool:
        try:
            state = control.proxies().get(node.name)
        except UnansweredError:
            return False
        return state is None or name not in {found.name for found in state.toxics}

    def undo() -> None:
        if gone():
            return
        try:
            control.remove_toxic(node.name, name)
        except UnansweredError:
            wait_until(gone, within_s=REMOVED_WITHIN_S, every_s=0.1, what=f"the removal of {name} from {node.name}")

    return undo


def close_connections(deployment: Deployment, node: Node) -> None:
    """End every connection through the proxy of a node, by disabling and enabling it."""
    deployment.control.disable(node.name)
    deployment.control.enable(node.name)
