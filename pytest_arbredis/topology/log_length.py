"""An append-only file that is as short as its data: FLUSHALL empties the data, and leaves all that led to it on file.

Without it every restart of a deployment that was reset often replays what earlier runs wrote, and is LOADING meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_arbredis._clock import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.topology.node import Node

LONG_BYTES: Final = 1 << 20
"""A file beyond this, some 10 ms of replaying, is written anew."""

WITHIN_S: Final = 10.0


def shorten(nodes: Sequence[Node]) -> None:
    """Rewrite the long append-only files of these nodes, and wait for it."""
    long = [node for node in nodes if _length(node) > LONG_BYTES]
    for node in long:
        node.client.bgrewriteaof()
    if long:
        names = ", ".join(node.name for node in long)
        wait_until(
            lambda: all(_length(node) <= LONG_BYTES for node in long),
            within_s=WITHIN_S,
            what=f"the append-only files of {names} to be as short as their data",
        )


def _length(node: Node) -> int:
    """Bytes of the append-only file; 0 without one. While it is being rewritten it is as long as it was."""
    return int(node.client.info("persistence").get("aof_current_size", 0))
