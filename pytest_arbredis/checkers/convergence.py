"""Convergence: after healing, every node holds the same keys, types, values and expire times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicasConverge:
    """Type, digest and expire time of every key are equal on all nodes, read directly after settling.

    `nodes` names those that must have been read (None: every node whose replication was sampled, at least two). Expire
    times may differ by `expire_within_ms`. Unknown if the topology never settled, a snapshot is missing, or there was
    no key at all. The proof is the last acknowledged write of the first key that differs.
    """

    nodes: tuple[str, ...] | None = None
    expire_within_ms: int = 0

    def __post_init__(self) -> None:
        """Refuse a single node, which always agrees with itself."""
        if self.nodes is not None and len(set(self.nodes)) < 2:
            raise UsageError(f"nodes={self.nodes!r}", remedy="name two nodes or more, or None for all")

    @property
    def claim(self) -> str:
        """`replicas_converge`."""
        return "replicas_converge"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        settled_ns = history.phase_ns("settled")
        if settled_ns is None:
            return self._unknown("the topology never settled")
        taken = _snapshots(history, settled_ns)
        sampled = {event.source for event in history.events_named("replication")}
        missing = sorted(set(self.nodes or sampled) - set(taken))
        if missing:
            return self._unknown(f"no snapshot of the keys of {', '.join(missing)}")
        snapshots = {node: keys for node, keys in taken.items() if self.nodes is None or node in self.nodes}
        if len(snapshots) < 2:
            return self._unknown(f"snapshots of {len(snapshots)} nodes: two are needed to compare")
        keys = sorted({key for snapshot in snapshots.values() for key in snapshot})
        if not keys:
            return self._unknown(f"no key on any of {len(snapshots)} nodes: nothing to compare")
        differing = [key for key in keys if not self._agree([snapshot.get(key) for snapshot in snapshots.values()])]
        return self._finding(history, snapshots, keys, differing)

    def _finding(
        self, history: History, snapshots: Mapping[str, Mapping[str, Json]], keys: list[str], differing: list[str]
    ) -> Finding:
        writes = [op.id for op in history.named("write", "increment") if op.applied and op.key in differing[:1]]
        return Finding(
            claim=self.claim,
            verdict=Verdict.INVALID if differing else Verdict.VALID,
            summary=f"{len(differing)} of {len(keys)} keys differ between {', '.join(snapshots)}",
            proof=tuple(writes[-1:]),
            figures={
                "keys": len(keys),
                "nodes": len(snapshots),
                "differing": len(differing),
                "differing_keys": [*differing],
            },
            lines=tuple(
                f"{key}: " + "; ".join(f"{node} {_shown(snapshot.get(key))}" for node, snapshot in snapshots.items())
                for key in differing[:10]
            ),
        )

    def _agree(self, entries: list[Json]) -> bool:
        if not all(isinstance(entry, list) and len(entry) == 3 for entry in entries):
            return False
        parts = [entry for entry in entries if isinstance(entry, list)]
        if any(part[:2] != parts[0][:2] for part in parts):
            return False
        expires = [part[2] for part in parts if isinstance(part[2], int)]
        if len(expires) != len(parts) or len({expire < 0 for expire in expires}) > 1:
            return False
        return max(expires) - min(expires) <= self.expire_within_ms

    def _unknown(self, summary: str) -> Finding:
        return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary=summary)


def replicas_converge(*, nodes: Iterable[str] | None = None, expire_within_ms: int = 0) -> ReplicasConverge:
    """Type, digest and expire time of every key are equal on all nodes, read directly after settling."""
    return ReplicasConverge(nodes=None if nodes is None else tuple(nodes), expire_within_ms=expire_within_ms)


def _snapshots(history: History, settled_ns: int) -> dict[str, Mapping[str, Json]]:
    """The last snapshot of each node's keys that was taken after settling."""
    taken: dict[str, Mapping[str, Json]] = {}
    for event in history.events_named("note"):
        keys = event.data.get("keys")
        if event.data.get("kind") == "keyspace" and event.at_ns >= settled_ns and isinstance(keys, dict):
            taken[event.source] = keys
    return dict(sorted(taken.items()))


def _shown(entry: Json) -> str:
    if not isinstance(entry, list) or len(entry) != 3:
        return "has no such key" if entry is None else f"{entry!r}"
    kind, digest, expire = entry
    return f"{kind!s} {str(digest)[:12]}" + ("" if expire == -1 else f", expires at {expire!s} ms")
