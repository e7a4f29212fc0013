"""Latency: every reply of the target comes later, by a fixed time and, if wanted, a random one on top or below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.links import add_toxic
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.probe import ROUNDS, contrast
from pytest_arbredis.proxy.toxics import LatencyToxic

if TYPE_CHECKING:
    from pytest_arbredis.topology.node import Node

SEEN_SHARE = 0.8
"""Share of the delay that the probe must measure: the toxic counts whole milliseconds."""

SHORT_MS, MANY_ROUNDS = 10, 9
"""Below so sure a delay a busy machine could be taken for it: then the median of so many rounds must show it, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Replies delayed by `ms`, ± `jitter_ms`, on all links to the target."""

    name: ClassVar[str] = "latency"
    nature: ClassVar[Nature] = Nature(
        client_sees="every reply comes later; time-outs where the delay is longer than the client's patience",
        seen_by="a PING through the proxy takes longer than a direct one by the delay",
        example='faults.latency("primary", ms=200, jitter_ms=50)',
        needs=("proxies",),
        on_link=True,
    )

    ms: int
    jitter_ms: int = 0

    def __post_init__(self) -> None:
        """Refuse what Toxiproxy would round or misread."""
        if self.ms < 1 or not 0 <= self.jitter_ms <= self.ms:
            raise UsageError(
                f"latency of ms={self.ms!r}, jitter_ms={self.jitter_ms!r}",
                remedy="use whole milliseconds, ms >= 1 and 0 <= jitter_ms <= ms",
            )

    def inject(self, site: Site) -> Undo:
        """Add the toxic to each target's proxy."""
        toxic = LatencyToxic(latency_ms=self.ms, jitter_ms=self.jitter_ms)
        return undoing_all([add_toxic(site.deployment, node, toxic, fault=self.name) for node in site.nodes])

    def observe(self, site: Site) -> str:
        """A PING through each proxy takes longer than a direct one by the delay."""
        seen = [self._seen(node) for node in site.nodes]
        return "; ".join(seen) if all(seen) else ""

    def _seen(self, node: Node) -> str:
        rounds = ROUNDS if self.ms - self.jitter_ms >= SHORT_MS else MANY_ROUNDS
        found = contrast(node, timeout_s=1.0 + 2 * self.ms / 1000, rounds=rounds)
        if not (found.through.answered and found.direct.answered):
            return ""
        least_ms = found.through.after_ms - found.direct.after_ms
        usual_ms = found.through.median_ms - found.direct.median_ms
        if least_ms < SEEN_SHARE * (self.ms - self.jitter_ms) or usual_ms < SEEN_SHARE * (self.ms - self.jitter_ms / 2):
            return ""
        return f"{node.name}: probe {found.through.median_ms:.0f} ms against {found.direct.median_ms:.1f} ms directly"
