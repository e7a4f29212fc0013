"""Eviction: `maxmemory` under a policy that makes room, really used up, so that keys disappear without any error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Literal, cast, get_args

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.memory import CHUNK, FILLER, MB, limited, require_headroom
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.primaries import require_primaries
from pytest_arbredis.faults.refusal import PROBE

if TYPE_CHECKING:
    import redis

    from pytest_arbredis.topology.node import Node

AllkeysPolicy = Literal["allkeys-lru", "allkeys-lfu", "allkeys-random"]
VolatilePolicy = Literal["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"]
Policy = AllkeysPolicy | VolatilePolicy
POLICIES: Final[tuple[Policy, ...]] = (*get_args(AllkeysPolicy), *get_args(VolatilePolicy))

FILLED_TIMES = 3
"""The filler is so many times what there is room for: of keys that are used as little as it, one in twenty stays."""

FILLER_TTL_S = 86_400
"""So that the volatile policies evict filler too, after what expires sooner, instead of refusing writes with OOM."""

BATCH = 16
OWN = 32
IDLE_S = 86_400
OWN_TTL_S = 60
MOST_BYTES = 8 * MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Eviction:
    """The target has `headroom_mb` left above what it uses, and is filled with keys of ours until it evicts others'.

    From then on every write evicts about as much as it adds. Under `volatile-…` only keys with a TTL go. Which of them
    go first is the policy's: a key that is in use outlives the filler under `…-lru` and `…-lfu`.
    Healed by removing the filler and restoring the settings, in the server and in its file; what was evicted is gone.
    """

    name: ClassVar[str] = "eviction"
    nature: ClassVar[Nature] = Nature(
        client_sees="no error at all: keys that it wrote are not there any more",
        seen_by="keys of a probe are gone after it wrote others, and INFO counts evicted keys",
        example='faults.eviction("primary", policy="allkeys-lru", headroom_mb=8)',
        probe_counts=True,
        observed_within_s=10.0,
    )

    policy: Policy = "allkeys-lru"
    headroom_mb: int = 8

    def __post_init__(self) -> None:
        """Refuse a policy that evicts nothing, and a headroom that could not be filled."""
        if self.policy not in POLICIES:
            raise UsageError.unknown("policy of an eviction", self.policy, POLICIES)
        require_headroom(self.headroom_mb)

    def inject(self, site: Site) -> Undo:
        """Limit the memory of each target and overfill it; a replica evicts nothing of its own, so it is refused."""
        require_primaries(site, "eviction", because="evicts nothing of its own")
        undos: list[Undo] = []
        undo = undoing_all(undos)
        try:
            for node in site.nodes:
                undos.append(limited(site.deployment, node, policy=self.policy, headroom_mb=self.headroom_mb))
                self._fill(node)
        except BaseException:
            undo()
            raise
        return undo

    def _fill(self, node: Node) -> None:
        for first in range(0, FILLED_TIMES * self.headroom_mb * MB // len(CHUNK), BATCH):
            _write(node.client, [f"{FILLER}:{index}" for index in range(first, first + BATCH)], ttl_s=FILLER_TTL_S)

    def observe(self, site: Site) -> str:
        """Of keys that a probe wrote through each target's proxy some are gone, and INFO counts evicted keys."""
        seen = [_seen(node) for node in site.nodes]
        return "; ".join(seen) if all(seen) else ""


def _write(client: redis.Redis, keys: list[str], *, ttl_s: int) -> None:
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.set(key, CHUNK, ex=ttl_s)
    pipeline.execute()


def _seen(node: Node) -> str:
    """The probe's own keys look long unused and expire soon, so that any policy takes them before others' keys."""
    import redis

    info = cast("dict[str, str]", node.client.info("memory"))
    policy = info["maxmemory_policy"]
    if not int(info["maxmemory"]) or policy == "noeviction":
        return ""
    before = _evicted(node)
    client = node.connect_through(text=False)
    own = [f"{PROBE}:{index}" for index in range(OWN)]
    written: list[str] = []
    try:
        client.set(PROBE, b"position")
        dumped = cast("bytes", client.dump(PROBE))
        frequency, idle_s = (0, None) if policy.endswith("lfu") else (None, IDLE_S)
        for key in own:
            client.restore(key, OWN_TTL_S * 1000, dumped, replace=True, idletime=idle_s, frequency=frequency)
        left = OWN
        while left == OWN and len(written) * len(CHUNK) < MOST_BYTES:
            batch = [f"{PROBE}:pressure:{len(written) + index}" for index in range(BATCH)]
            _write(client, batch, ttl_s=2 * OWN_TTL_S)
            written += batch
            left = int(client.exists(*own))
        evicted = _evicted(node) - before
        client.unlink(PROBE, *own, *written)
    except redis.RedisError:
        return ""
    finally:
        client.close()
    if left == OWN or evicted <= 0:
        return ""
    kb = len(written) * len(CHUNK) // 1024
    return (
        f"{node.name}: {OWN - left} of a probe's {OWN} keys gone after it wrote {kb} kB, {evicted} evicted ({policy})"
    )


def _evicted(node: Node) -> int:
    return int(cast("dict[str, int]", node.client.info("stats"))["evicted_keys"])
