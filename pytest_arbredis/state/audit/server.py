"""What INFO says of a server: memory, hits, evictions, expiry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.state.asks import Command

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFigures:
    """Counts are since the server's start. `max_memory_bytes` is 0 if there is no limit."""

    version: str
    keys: int
    memory_bytes: int
    peak_memory_bytes: int
    max_memory_bytes: int
    policy: str
    hits: int
    misses: int
    evicted_keys: int
    expired_keys: int

    @property
    def hit_rate(self) -> float | None:
        """Share of the lookups that found a key; None if there were none."""
        looked = self.hits + self.misses
        return self.hits / looked if looked else None

    @property
    def evicts_state(self) -> bool:
        """Whether memory pressure may take keys that never expire."""
        return self.policy.startswith("allkeys-")


def look_at_server() -> Plan[ServerFigures]:
    """INFO and DBSIZE."""
    said = yield Command("INFO")
    keys = yield Command("DBSIZE")
    pairs = (line.partition(":") for line in bytes(said).decode(errors="replace").splitlines())
    info = {name: value.strip() for name, colon, value in pairs if colon}
    return ServerFigures(
        version=info.get("valkey_version") or info.get("redis_version", ""),
        keys=int(keys),
        memory_bytes=int(info.get("used_memory", 0)),
        peak_memory_bytes=int(info.get("used_memory_peak", 0)),
        max_memory_bytes=int(info.get("maxmemory", 0)),
        policy=info.get("maxmemory_policy", ""),
        hits=int(info.get("keyspace_hits", 0)),
        misses=int(info.get("keyspace_misses", 0)),
        evicted_keys=int(info.get("evicted_keys", 0)),
        expired_keys=int(info.get("expired_keys", 0)),
    )
