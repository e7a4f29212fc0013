"""Slow disk: what the server has its disk keep is kept later, as on a busy or failing one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from pytest_arbredis._clock import CLOCK, NS_PER_MS, NS_PER_S
from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.servers.sync_ledger import set_delay

if TYPE_CHECKING:
    import redis

    from pytest_arbredis.topology.node import Node

MOST_MS = 5000
PROBE_KEY = "arbredis:slow-disk"
SHOWN = 0.8
"""This share of the delay is enough: a probe may look a little late."""
LOOKS_EVERY_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowDisk:
    """Every fsync and fdatasync of the target takes `fsync_ms` longer; what it writes without a sync does not.

    With `appendfsync always` every write waits for it. With `everysec` writes are acknowledged meanwhile: up to twice
    the delay, and a second, of them are not synced. Other files of the target are synced late, too.
    Healed at once, syncs under way too.
    """

    name: ClassVar[str] = "slow_disk"
    nature: ClassVar[Nature] = Nature(
        client_sees="with `appendfsync always` writes that take as long; with `everysec` nothing",
        seen_by="a write that is synced takes as long, or INFO says for as long that a sync is under way",
        example='faults.slow_disk("primary", fsync_ms=500)',
        needs=("power",),
        probe_counts=True,
        observed_within_s=20.0,
    )

    fsync_ms: int

    def __post_init__(self) -> None:
        """Refuse what would not be seen, or outlast every deadline."""
        if type(self.fsync_ms) is not int or not 10 <= self.fsync_ms <= MOST_MS:
            raise UsageError(f"a slow disk with fsync_ms={self.fsync_ms!r}", remedy=f"use 10 to {MOST_MS} milliseconds")

    def inject(self, site: Site) -> Undo:
        """Delay the syncs of each target. One that syncs no append-only file is refused: nothing would be seen."""
        for node in site.nodes:
            if node in site.deployment.sentinels or _appendfsync(node) == "no":
                raise UsageError(
                    f"a slow disk of {node.name}, which syncs no append-only file",
                    remedy="use conf={'appendonly': 'yes'}, with appendfsync everysec or always",
                )
        for node in site.nodes:
            set_delay(node.server.spec.directory, us=self.fsync_ms * 1000)
        return undoing_all([_at_once(node) for node in site.nodes])

    def observe(self, site: Site) -> str:
        """A direct write to each target is synced as late."""
        seen = [_seen(node, self.fsync_ms) for node in site.nodes]
        return "; ".join(seen) if all(seen) else ""


def _at_once(node: Node) -> Undo:
    return lambda: set_delay(node.server.spec.directory, us=0)


def _appendfsync(node: Node) -> str:
    """How it syncs its append-only file; `no` without one."""
    found: dict[str, str] = {}
    for name in ("appendonly", "appendfsync"):
        found |= cast("dict[str, str]", node.client.config_get(name))
    return found["appendfsync"] if found["appendonly"] == "yes" else "no"


def _seen(node: Node, delay_ms: int) -> str:
    import redis

    client = node.connect(timeout_s=2 * delay_ms / 1000 + 3)
    try:
        began = CLOCK.now_ns()
        client.set(PROBE_KEY, "1")
        client.unlink(PROBE_KEY)
        took_ms = (CLOCK.now_ns() - began) / NS_PER_MS
        if _appendfsync(node) == "always":
            return f"{node.name}: a write and its removal took {took_ms:.0f} ms" if took_ms >= delay_ms * SHOWN else ""
        under_way_ms = _sync_under_way_ms(client, within_s=delay_ms / 1000 + 2)
    except redis.RedisError:
        return ""
    finally:
        client.close()
    return f"{node.name}: a sync was under way for {under_way_ms:.0f} ms" if under_way_ms >= delay_ms * SHOWN else ""


def _sync_under_way_ms(client: redis.Redis, *, within_s: float) -> float:
    """For how long INFO says at every look that a sync of the append-only file is under way, the first time it does."""
    began = CLOCK.now_ns()
    first: int | None = None
    while (now := CLOCK.now_ns()) - began < within_s * NS_PER_S:
        if int(cast("dict[str, str]", client.info("persistence"))["aof_pending_bio_fsync"]):
            first = now if first is None else first
        elif first is not None:
            break
        CLOCK.sleep(LOOKS_EVERY_S)
    return 0.0 if first is None else (CLOCK.now_ns() - first) / NS_PER_MS
