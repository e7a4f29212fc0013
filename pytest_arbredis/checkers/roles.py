"""Who was primary when, told by the samples of INFO replication that an observer asked every node for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class Reign:
    """A node that said that it is master of the history `replid`, first and last seen so."""

    node: str
    replid: str
    first_ns: int
    last_ns: int


def reigns(history: History) -> tuple[Reign, ...]:
    """Every (node, history) that was sampled as master, by when it was first seen."""
    found: dict[tuple[str, str], Reign] = {}
    for event in history.events_named("replication"):
        if event.data.get("role") != "master":
            continue
        key = (event.source, str(event.data.get("replid")))
        known = found.get(key)
        first_ns = event.at_ns if known is None else known.first_ns
        found[key] = Reign(node=key[0], replid=key[1], first_ns=first_ns, last_ns=event.at_ns)
    return tuple(sorted(found.values(), key=lambda reign: reign.first_ns))


def promoted_between(history: History, from_ns: int, until_ns: int) -> tuple[str, ...]:
    """Nodes first seen as master within, that were not before."""
    before = {reign.node for reign in reigns(history) if reign.first_ns < from_ns}
    later = (reign.node for reign in reigns(history) if from_ns <= reign.first_ns <= until_ns)
    return tuple(dict.fromkeys(node for node in later if node not in before))


def promoted_after(history: History, from_ns: int) -> Reign | None:
    """The first reign of a node that was no master before `from_ns`."""
    before = {reign.node for reign in reigns(history) if reign.first_ns < from_ns}
    return next((one for one in reigns(history) if one.first_ns >= from_ns and one.node not in before), None)
