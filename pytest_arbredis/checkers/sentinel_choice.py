"""Sentinel: the replica that a leader promotes is the one that the documented rule chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_arbredis.checkers.sentinel_record import Published, published
from pytest_arbredis.checkers.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json

VIEW: Final = "sentinel-replicas"
"""The kind of a note that holds a Sentinel's own view: what SENTINEL REPLICAS answered."""
UNFIT: Final = frozenset({"s_down", "o_down", "disconnected"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replica:
    address: str
    priority: int
    offset: int
    run_id: str
    fit: bool

    @property
    def rank(self) -> tuple[int, int, str]:
        return (self.priority, -self.offset, self.run_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaIsChosenByPriority:
    """A leader selects, among the replicas that are up and have a priority, the one with the lowest priority.

    Of equal ones the highest offset decides, then the smallest run id (redis.io, "Replica selection and priority").
    Judged by the last view that the leader itself had before (notes `sentinel-replicas`: what SENTINEL REPLICAS
    answered). Offsets of a view may be older than those that the leader chose by: where they alone speak against the
    choice it is unknown. Unknown too without any selection, or without a view of it.
    """

    @property
    def claim(self) -> str:
        """`replica_is_chosen_by_priority`."""
        return "replica_is_chosen_by_priority"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        selections = [
            event for events in published(history).values() for event in events if event.name == "+selected-slave"
        ]
        judged = [_judged(history, event) for event in selections]
        verdict = max((each for each, _ in judged), default=Verdict.UNKNOWN)
        texts = [text for each, text in judged if each is verdict]
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=texts[0] if texts else "no replica was selected by a Sentinel on record",
            figures={"selections": len(selections)},
            lines=tuple(text for _, text in judged),
        )


def replica_is_chosen_by_priority() -> ReplicaIsChosenByPriority:
    """A leader selects the replica that the documented rule chooses."""
    return ReplicaIsChosenByPriority()


def _judged(history: History, selection: Published) -> tuple[Verdict, str]:
    chosen_at = next((word for word in selection.words[1:] if ":" in word), selection.detail)
    view = _view(history, selection)
    chosen = next((one for one in view if one.address == chosen_at), None)
    fit = [one for one in view if one.fit and one.priority > 0]
    if chosen is None or not fit:
        return Verdict.UNKNOWN, f"{selection.sentinel} selected {chosen_at}: its view of the replicas is not on record"
    best = min(fit, key=lambda one: one.rank)
    told = f"{selection.sentinel} selected {chosen.address} (priority {chosen.priority}, offset {chosen.offset})"
    other = f"{best.address} has priority {best.priority}, offset {best.offset}"
    if chosen.priority == 0:
        return Verdict.INVALID, f"{told}: a replica of priority 0 is never promoted"
    if chosen.priority > best.priority:
        return Verdict.INVALID, f"{told}, though {other}"
    if chosen.rank > best.rank or not chosen.fit:
        return Verdict.UNKNOWN, f"{told}, though {other}: the leader's view may have been newer"
    return Verdict.VALID, f"{told}, of {len(fit)} replicas"


def _view(history: History, selection: Published) -> list[_Replica]:
    """The last view of a Sentinel before its selection; empty if there is none."""
    view: list[_Replica] = []
    for event in history.events_named("note"):
        rows = event.data.get("replicas")
        if event.data.get("kind") != VIEW or event.source != selection.sentinel or not isinstance(rows, list):
            continue
        if event.at_ns <= selection.at_ns:
            view = [_replica(row) for row in rows if isinstance(row, dict)]
    return view


def _replica(row: Mapping[str, Json]) -> _Replica:
    flags = str(row.get("flags", ""))
    return _Replica(
        address=str(row.get("name", "")),
        priority=_number(row.get("slave-priority"), 100),
        offset=_number(row.get("slave-repl-offset"), 0),
        run_id=str(row.get("runid", "")),
        fit=not UNFIT & set(flags.split(",")),
    )


def _number(said: Json, default: int) -> int:
    return int(said) if isinstance(said, int | float) or (isinstance(said, str) and said.isdigit()) else default
