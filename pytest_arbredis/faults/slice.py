"""Slice: replies of the target come in small pieces, as a parser seldom meets them on loopback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.links import add_toxic
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.passage import pieces_of_replies
from pytest_arbredis.proxy.toxics import Slicer

if TYPE_CHECKING:
    from pytest_arbredis.topology.node import Node

MOST_BYTES, MOST_DELAY_US = 1024, 10_000
PIECES = 8
"""Into at least so many the probe's reply is cut: one that is read late still shows some of them. It stays below the
8 KB that Redis and the proxy send at once."""
ROUNDS = 8
SEEN_SHARE = 1.5
"""So many times the pieces of direct replies must come through the proxy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Replies of the target come in pieces of at most `bytes` bytes, `delay_us` microseconds apart.

    Without a delay the network may join some again: each is sent for itself, and a slow reader finds several.
    """

    name: ClassVar[str] = "slice"
    nature: ClassVar[Nature] = Nature(
        client_sees="a reply comes in many pieces, cut anywhere, each of them later",
        seen_by="replies of a known size come in more pieces through the proxy than directly",
        example='faults.slice("primary", bytes=8, delay_us=100)',
        needs=("proxies",),
        on_link=True,
    )

    bytes: int
    delay_us: int = 0

    def __post_init__(self) -> None:
        """Refuse pieces that are none, and what could not be shown."""
        whole = isinstance(self.bytes, int) and isinstance(self.delay_us, int)
        if not whole or not 1 <= self.bytes <= MOST_BYTES or not 0 <= self.delay_us <= MOST_DELAY_US:
            raise UsageError(
                f"slices of bytes={self.bytes!r}, delay_us={self.delay_us!r}",
                remedy=f"use 1 <= bytes <= {MOST_BYTES} and 0 <= delay_us <= {MOST_DELAY_US}",
            )

    def inject(self, site: Site) -> Undo:
        """Add the toxic to each target's proxy."""
        toxic = Slicer(bytes=self.bytes, delay_us=self.delay_us)
        return undoing_all([add_toxic(site.deployment, node, toxic, fault=self.name) for node in site.nodes])

    def observe(self, site: Site) -> str:
        """Replies of a known size come in more pieces through each proxy than directly."""
        seen = [self._seen(node) for node in site.nodes]
        return "; ".join(seen) if all(seen) else ""

    def _seen(self, node: Node) -> str:
        size = PIECES * self.bytes
        timeout_s = 1.0 + 4 * PIECES * self.delay_us / 1_000_000
        direct = pieces_of_replies(node, size, rounds=ROUNDS, through=False)
        through = pieces_of_replies(node, size, rounds=ROUNDS, through=True, timeout_s=timeout_s)
        if not direct or through < SEEN_SHARE * direct:
            return ""
        return f"{node.name}: {ROUNDS} replies of {size} bytes in {through} pieces, in {direct} directly"
