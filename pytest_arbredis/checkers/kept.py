"""Data of a failed node that was kept before it was resynchronised: where a lost write can be shown lying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Which of the lost writes lie in kept data: their ids, and a line for each node."""

    ids: frozenset[int] = frozenset()
    lines: tuple[str, ...] = ()


def still_lying(history: History, lost: Iterable[Op]) -> Kept:
    """The lost writes whose very value is in the kept data of a node."""
    writes = tuple(lost)
    found: set[int] = set()
    lines = []
    for event in history.events_named("note"):
        values = event.data.get("values")
        if event.data.get("kind") != "kept" or not isinstance(values, dict):
            continue
        here = {op.id for op in writes if op.key in values and values[op.key] == op.input}
        found |= here
        if writes:
            how = str(event.data.get("how", "how is not on record"))
            lines.append(f"still lying in the kept data of {event.source} ({how}): {len(here)} of {len(writes)}")
    return Kept(ids=frozenset(found), lines=tuple(lines))
