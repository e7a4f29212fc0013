"""Sentinel: a node that it reconfigures disconnects every client, so that nobody goes on with a primary of old."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis._clock import NS_PER_S
from pytest_arbredis.checkers.seen import connections
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.history.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A change of a node's role, between its last sample in the old one and the first in the new one."""

    node: str
    role: str
    before_ns: int
    seen_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientsAreDisconnected:
    """Within `within_s` of a change of its role, a node has none of the clients left that it had before.

    Sentinel reconfigures by one MULTI of SLAVEOF, CONFIG REWRITE and CLIENT KILL. Judged by samples of the role and by
    the connections that CLIENT LIST showed. Unknown without a failover by Sentinels, or if no node that changed its
    role had a client, or was watched for long enough.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"connections"})

    within_s: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a time that shows nothing: connections are looked at ten times a second."""
        if self.within_s < 0.2:
            raise UsageError(f"within_s={self.within_s!r}", remedy="use 0.2 or more: CLIENT LIST is asked every 0.1 s")

    @property
    def claim(self) -> str:
        """`clients_are_disconnected`."""
        return "clients_are_disconnected"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        if not any(event.data.get("event") == "+switch-master" for event in history.events_named("sentinel")):
            return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary="no failover by Sentinels is on record")
        had: dict[str, frozenset[str]] = {}
        stayed: dict[str, frozenset[str]] = {}
        for change in _changes(history):
            due_ns = change.seen_ns + round(self.within_s * NS_PER_S)
            states = connections(history, change.node)
            before = [state for state in states if state.at_ns <= change.before_ns]
            if not before or not before[-1].clients or history.events[-1].at_ns < due_ns:
                continue
            until = [state for state in states if state.at_ns <= due_ns]
            title = f"{change.node}, which became {change.role}"
            had[title] = before[-1].clients
            stayed[title] = before[-1].clients & until[-1].clients
        kept = {title: clients for title, clients in stayed.items() if clients}
        count = sum(map(len, had.values()))
        if kept:
            verdict = Verdict.INVALID
            summary = f"{sum(map(len, kept.values()))} of {count} clients stayed connected to {' and '.join(kept)}"
        elif had:
            verdict, summary = Verdict.VALID, f"all {count} clients of {' and '.join(had)} were disconnected"
        else:
            verdict, summary = Verdict.UNKNOWN, "no node that was seen to change its role had a client on record"
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            figures={"clients": count, "stayed": sum(map(len, kept.values()))},
            lines=tuple(f"{title}: {', '.join(sorted(clients))}" for title, clients in kept.items()),
        )


def clients_are_disconnected(*, within_s: float = 1.0) -> ClientsAreDisconnected:
    """A node that Sentinel reconfigures disconnects every client."""
    return ClientsAreDisconnected(within_s=within_s)


def _changes(history: History) -> Iterator[_Change]:
    samples: dict[str, list[tuple[int, str]]] = {}
    for event in history.events_named("replication"):
        samples.setdefault(event.source, []).append((event.at_ns, str(event.data.get("role"))))
    for node, roles in samples.items():
        for (before_ns, old), (seen_ns, new) in pairwise(roles):
            if old != new:
                yield _Change(node=node, role=new, before_ns=before_ns, seen_ns=seen_ns)
