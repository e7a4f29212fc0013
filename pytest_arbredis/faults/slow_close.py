"""Slow close: the target has ended a connection, and its client learns of it late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.links import add_toxic
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.passage import ms_until_the_end
from pytest_arbredis.proxy.toxics import SlowClose as SlowCloseToxic

if TYPE_CHECKING:
    from pytest_arbredis.topology.node import Node

LEAST_MS, MOST_MS = 20, 10_000
"""Shorter is not told from a busy machine for sure; and the probe waits for the end."""

SEEN_SHARE = 0.8
"""Share of the delay that the probe must measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowClose:
    """The end of a connection reaches the client `ms` after the target (or its death) ended it; bytes pass as ever."""

    name: ClassVar[str] = "slow_close"
    nature: ClassVar[Nature] = Nature(
        client_sees="a connection that the server has ended seems to stand: a command on it is not answered, and fails "
        "only when the end arrives",
        seen_by="a connection that its client has done with ends later through the proxy than directly, by the delay",
        example='faults.slow_close("primary", ms=500)',
        needs=("proxies",),
        cuts=True,
        on_link=True,
    )

    ms: int

    def __post_init__(self) -> None:
        """Refuse a delay that could not be shown."""
        if not isinstance(self.ms, int) or not LEAST_MS <= self.ms <= MOST_MS:
            raise UsageError(f"slow close of ms={self.ms!r}", remedy=f"use whole milliseconds, {LEAST_MS} to {MOST_MS}")

    def inject(self, site: Site) -> Undo:
        """Add the toxic to each target's proxy."""
        toxic = SlowCloseToxic(delay_ms=self.ms)
        return undoing_all([add_toxic(site.deployment, node, toxic, fault=self.name) for node in site.nodes])

    def observe(self, site: Site) -> str:
        """A connection that the probe has done with ends through each proxy later than directly, by the delay."""
        seen = [self._seen(node) for node in site.nodes]
        return "; ".join(seen) if all(seen) else ""

    def _seen(self, node: Node) -> str:
        timeout_s = 1.0 + 2 * self.ms / 1000
        direct_ms = ms_until_the_end(node, through=False, timeout_s=timeout_s)
        through_ms = ms_until_the_end(node, through=True, timeout_s=timeout_s)
        if direct_ms is None or through_ms is None or through_ms - direct_ms < SEEN_SHARE * self.ms:
            return ""
        return f"{node.name}: a connection ended {through_ms:.0f} ms late, {direct_ms:.1f} ms directly"
