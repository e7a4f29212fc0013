"""Hazards of data that vanishes from a primary that stays in office: evicted, or wiped by an empty restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.losses import find_losses, ids_of
from pytest_arbredis.checkers.roles import reigns
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.checkers.losses import Losses
    from pytest_arbredis.history.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysAreEvicted:
    """At least `at_least` acknowledged writes are gone, of a primary that was never replaced and never restarted.

    A hazard: valid when shown, else unknown. Nobody but eviction can have taken them: one node was master throughout,
    of one history, and the fault was observed.
    """

    at_least: int = 1

    def __post_init__(self) -> None:
        """Refuse a number that shows nothing."""
        _require_some(self.at_least)

    @property
    def claim(self) -> str:
        """`keys_are_evicted`."""
        return "keys_are_evicted"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        losses = find_losses(history)
        masters = {(reign.node, reign.replid) for reign in reigns(history)}
        why = ""
        if len(masters) != 1:
            why = f"{len(masters)} masters or histories were seen, one is wanted"
        elif not any(fault.name == "eviction" and fault.evidence is not None for fault in history.faults):
            why = "no eviction was observed"
        return _finding(self.claim, losses, "gone without an error, and nobody was promoted", self.at_least, why)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataIsWiped:
    """At least `at_least` acknowledged writes are gone from all nodes, of a primary that came back with a new history.

    A hazard: valid when shown, else unknown. The same node is master before and after, no other one between, and its
    replication id is another one; the replicas' keys, in the snapshots at the end, lack them too.
    """

    at_least: int = 1

    def __post_init__(self) -> None:
        """Refuse a number that shows nothing."""
        _require_some(self.at_least)

    @property
    def claim(self) -> str:
        """`data_is_wiped`."""
        return "data_is_wiped"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        losses = find_losses(history)
        found = reigns(history)
        nodes, replids = {reign.node for reign in found}, {reign.replid for reign in found}
        keyspaces = [event.data.get("keys") for event in history.events if event.data.get("kind") == "keyspace"]
        lost = {op.key for op in losses.lost}
        why = ""
        if len(nodes) != 1:
            why = f"{len(nodes)} nodes were seen as master, one is wanted"
        elif len(replids) < 2:
            why = "the primary never came back with another history"
        elif not keyspaces:
            why = "there are no snapshots of the nodes"
        elif any(isinstance(keys, dict) and lost & set(keys) for keys in keyspaces):
            why = "some of them are still on a replica"
        return _finding(
            self.claim,
            losses,
            "gone from all nodes, and nobody was promoted",
            self.at_least,
            why,
        )


def keys_are_evicted(*, at_least: int = 1) -> KeysAreEvicted:
    """Acknowledged writes are gone without an error, of a primary that was never replaced."""
    return KeysAreEvicted(at_least=at_least)


def data_is_wiped(*, at_least: int = 1) -> DataIsWiped:
    """Acknowledged writes are gone from all nodes, of a primary that came back empty."""
    return DataIsWiped(at_least=at_least)


def _require_some(at_least: int) -> None:
    if at_least < 1:
        raise UsageError(f"at_least={at_least!r} lost writes", remedy="use 1 or more")


def _finding(claim: str, losses: Losses, how: str, at_least: int, why_not: str) -> Finding:
    shown = len(losses.lost) >= at_least and not why_not
    summary = f"{len(losses.lost)} of {len(losses.judged)} acknowledged writes {how if shown else 'lost'}"
    if why_not:
        summary += f"; not shown: {why_not}"
    elif not shown:
        summary += f"; at least {at_least} wanted"
    return Finding(
        claim=claim,
        verdict=Verdict.VALID if shown else Verdict.UNKNOWN,
        summary=summary,
        proof=tuple(op.id for op in losses.lost[:10]),
        figures={"judged": len(losses.judged), "lost": len(losses.lost), "lost_ids": ids_of(losses.lost)},
    )
