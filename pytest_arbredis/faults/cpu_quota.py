"""CPU quota: the target gets a small share of one processor, so that it is slow as soon as it has something to do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.confined import confined
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.servers.launcher import Confined

if TYPE_CHECKING:
    from pytest_arbredis.topology.node import Node

BURN = "local sum = 0 for i = 1, tonumber(ARGV[1]) do sum = sum + i end return sum"
STEPS_PER_PERCENT = 40_000
"""Some 0.2 ms for each percent: one call then never waits for more than the next period of 100 ms, and the Sentinels
do not take the probe itself for a fault."""
BURNS_FOR_S = 0.6
SLACK = 1.6
"""The share that is measured may be so much above the quota: what was left of a period when the probe began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuQuota:
    """The target's container may use `percent` of one processor (`docker update --cpu-quota`). Healed by lifting it."""

    name: ClassVar[str] = "cpu_quota"
    nature: ClassVar[Nature] = Nature(
        client_sees="under load, replies come later and in bursts, up to 100 ms apart; nothing where there is no load",
        seen_by="the engine counts periods in which it was throttled, while a script of the probe gets so little of it",
        example='faults.cpu_quota("primary", percent=10)',
        needs=("containers",),
        probe_counts=True,
        observed_within_s=8.0,
    )

    percent: int

    def __post_init__(self) -> None:
        """Refuse what the kernel would refuse, and what one thread would hardly feel."""
        if type(self.percent) is not int or not 1 <= self.percent <= 90:
            raise UsageError(f"cpu_quota of percent={self.percent!r}", remedy="use 1 to 90 % of one processor")

    def inject(self, site: Site) -> Undo:
        """Limit each target's container."""
        return undoing_all([_limit(node, self.percent) for node in site.nodes])

    def observe(self, site: Site) -> str:
        """A script gets no more than the share of each target's processor, and the engine counts throttled periods."""
        seen = [self._seen(node) for node in site.nodes]
        return "; ".join(seen) if all(seen) else ""

    def _seen(self, node: Node) -> str:
        if not isinstance(node.server, Confined):
            return ""
        before = node.server.throttled_periods()
        used_s, took_s = _burn(node, steps=STEPS_PER_PERCENT * self.percent)
        throttled = node.server.throttled_periods() - before
        share = 100 * used_s / took_s
        if throttled < 1 or share > SLACK * self.percent:
            return ""
        return (
            f"{node.name}: a script had the processor for {used_s * 1000:.0f} of {took_s * 1000:.0f} ms "
            f"({share:.0f} %), throttled in {throttled} periods"
        )


def _limit(node: Node, percent: int) -> Undo:
    server = confined(node)
    server.limit_cpu(percent)
    return lambda: server.limit_cpu(None)


def _burn(node: Node, *, steps: int) -> tuple[float, float]:
    """Seconds of processor that the server used while it ran scripts, and seconds that passed."""
    client = node.connect(timeout_s=5.0)
    try:
        used_s, began = _used_s(node), time.monotonic()
        while time.monotonic() - began < BURNS_FOR_S:
            client.eval(BURN, 0, str(steps))
        return _used_s(node) - used_s, time.monotonic() - began
    finally:
        client.close()


def _used_s(node: Node) -> float:
    info = cast("dict[str, float]", node.client.info("cpu"))
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])
