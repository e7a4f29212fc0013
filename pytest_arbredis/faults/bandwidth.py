"""Bandwidth: a thin line to the target. What is short still comes soon, what is long comes slowly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.links import add_toxic
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.passage import seconds_to_and_fro
from pytest_arbredis.proxy.toxics import BandwidthToxic

if TYPE_CHECKING:
    from pytest_arbredis.topology.node import Node

MOST_KB_PER_S = 10_000
"""Above this rate loopback and proxy on a busy machine are no longer clearly quicker."""

PROBE_S = 0.1
"""How long the probe's transfer takes in each direction at the rate."""

SEEN_SHARE = 0.8
"""Share of the time implied by the rate that the probe must measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth:
    """Each connection through the target's proxy carries at most `kb_per_s` thousand bytes a second, each way.

    Sentinels' and replicas' connections too: with the fast timing a Sentinel asks for some 15 KB of INFO a second, and
    behind a thinner line takes the target for down.
    """

    name: ClassVar[str] = "bandwidth"
    nature: ClassVar[Nature] = Nature(
        client_sees="large requests and replies take as long as the rate implies, small ones wait behind them",
        seen_by="a PING with a payload takes through the proxy as long as the rate implies, and directly does not",
        example='faults.bandwidth("primary", kb_per_s=100)',
        needs=("proxies",),
        on_link=True,
    )

    kb_per_s: int

    def __post_init__(self) -> None:
        """Refuse a rate that is none, or that could not be shown."""
        if not isinstance(self.kb_per_s, int) or not 1 <= self.kb_per_s <= MOST_KB_PER_S:
            raise UsageError(
                f"bandwidth of kb_per_s={self.kb_per_s!r}",
                remedy=f"use 1 to {MOST_KB_PER_S} thousand bytes a second; loopback itself is no quicker for sure",
            )

    def inject(self, site: Site) -> Undo:
        """Add a toxic for each direction to each target's proxy."""
        return undoing_all(
            [
                add_toxic(site.deployment, node, BandwidthToxic(kb_per_s=self.kb_per_s, stream=stream), fault=self.name)
                for node in site.nodes
                for stream in ("upstream", "downstream")
            ]
        )

    def observe(self, site: Site) -> str:
        """Bytes of a known number take through each proxy as long as the rate implies, and directly do not."""
        seen = [self._seen(node) for node in site.nodes]
        return "; ".join(seen) if all(seen) else ""

    def _seen(self, node: Node) -> str:
        size = int(self.kb_per_s * 1000 * PROBE_S)
        implied_s = 2 * PROBE_S
        timeout_s = 1.0 + 5 * implied_s
        direct_s = seconds_to_and_fro(node.connect(timeout_s=timeout_s), size)
        through_s = seconds_to_and_fro(node.connect_through(timeout_s=timeout_s), size)
        if through_s is None or direct_s is None or through_s - direct_s < SEEN_SHARE * implied_s:
            return ""
        return (
            f"{node.name}: {size / 1000:g} KB to and fro in {through_s * 1000:.0f} ms, "
            f"against {direct_s * 1000:.1f} ms directly"
        )
