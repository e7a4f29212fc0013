"""Directives of a running server, set for the time of a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_arbredis.faults.fault import Undo
    from pytest_arbredis.topology.node import Node


def restoring(node: Node, names: Iterable[str]) -> Undo:
    """What sets these directives back to their present values, in the server and in its file.

    In the file too, because a Sentinel that reconfigures a node writes its running configuration there.
    """
    before = {name: cast("dict[str, str]", node.client.config_get(name))[name] for name in names}

    def undo() -> None:
        for name, value in before.items():
            node.client.config_set(name, value)
        node.client.config_rewrite()

    return undo


def changed(node: Node, settings: Mapping[str, str | int]) -> Undo:
    """Set directives; gives what sets them back. If one is refused, those before it are set back at once."""
    undo = restoring(node, settings)
    try:
        for name, value in settings.items():
            node.client.config_set(name, value)
    except BaseException:
        undo()
        raise
    return undo
