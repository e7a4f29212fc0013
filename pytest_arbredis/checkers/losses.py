"""Which writes were lost: judged key by key against what the final phase read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.final import final_values
from pytest_arbredis.checkers.precedence import came_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op


CRASHES = ("crash", "power_loss")
"""Faults with which a node's acknowledged time ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """The judged writes of a history, and what became of them.

    `lost` and `survived` are certain; `unread` have a key without a final value; a judged write in none of the three
    was overwritten, or may have been. All in the order of invocation.
    """

    judged: tuple[Op, ...]
    lost: tuple[Op, ...]
    survived: tuple[Op, ...]
    unread: tuple[Op, ...]


def acknowledged(op: Op) -> bool:
    """Whether the caller was told that the write is applied (confirmed as asked, or not)."""
    return op.applied


def find_losses(history: History, *, judged: Callable[[Op], bool] = acknowledged) -> Losses:
    """The judged writes that the final reads miss.

    A write may be its key's last one unless a judged write was invoked after it had completed; one with an unknown
    outcome may take effect at any time, so it always may. If the final value is that of none of those, the judged ones
    among them are lost: exact for unique keys, lenient where keys are written again.
    """
    finals = final_values(history)
    by_key: dict[str | None, list[Op]] = defaultdict(list)
    for op in history.named("write"):
        if op.outcome != "fail" or op.applied:
            by_key[op.key].append(op)
    all_judged: list[Op] = []
    lost: list[Op] = []
    survived: list[Op] = []
    unread: list[Op] = []
    for key, writes in by_key.items():
        members = [op for op in writes if judged(op)]
        if not members:
            continue
        all_judged += members
        if key is None or key not in finals:
            unread += members
            continue
        last = members[-1]
        may_be_last = [op for op in writes if op is last or not _surely_before(op, last)]
        final = finals[key]
        standing = [op for op in may_be_last if judged(op)]
        if any(op.input == final for op in may_be_last):
            survived += [op for op in standing if op.input == final]
        else:
            lost += standing
    return Losses(
        judged=_by_invocation(all_judged),
        lost=_by_invocation(lost),
        survived=_by_invocation(survived),
        unread=_by_invocation(unread),
    )


def rpo_ms(history: History, lost: Iterable[Op]) -> float:
    """The recovery point: how much acknowledged time was lost, in milliseconds; the worst of several incidents.

    An incident is a node's lost writes up to its next crash (or up to the end, if it was not crashed). It lasts from
    the completion of its first lost write to the crash, or to the completion of its last lost write if that is later.
    """
    spans = (max([*told, crash_ns or 0]) - min(told) for (_, crash_ns), told in _incidents(history, lost).items())
    return max(spans, default=0) / NS_PER_MS


def rpo_operations(history: History, lost: Iterable[Op]) -> int:
    """The recovery point in operations: how many acknowledged writes the worst incident lost."""
    return max(map(len, _incidents(history, lost).values()), default=0)


def proof_of_loss(history: History, lost: Sequence[Op]) -> tuple[int, ...]:
    """The first lost write, and the final read that misses it."""
    reads = [op for op in history.final_reads() if lost and op.key == lost[0].key and op.outcome == "ok"]
    return tuple(op.id for op in (*lost[:1], *reads[-1:]))


def _incidents(history: History, lost: Iterable[Op]) -> dict[tuple[str | None, int | None], list[int]]:
    """When the lost writes were acknowledged, by node and its next crash (None: it was not crashed)."""
    incidents: dict[tuple[str | None, int | None], list[int]] = defaultdict(list)
    for op in lost:
        crashes = (f.began_ns for f in history.faults if f.name in CRASHES and op.node in f.nodes)
        crash_ns = min((ns for ns in crashes if ns >= op.invoked_ns), default=None)
        incidents[op.node, crash_ns].append(_told_ns(op))
    return incidents


def _told_ns(op: Op) -> int:
    return op.invoked_ns if op.completed_ns is None else op.completed_ns


def _surely_before(op: Op, last: Op) -> bool:
    return op.applied and came_before(op, last)


def _by_invocation(ops: Iterable[Op]) -> tuple[Op, ...]:
    return tuple(sorted(ops, key=lambda op: (op.invoked_ns, op.id)))


def ids_of(ops: Iterable[Op]) -> list[Json]:
    """The ids of operations, as a report's JSON takes them."""
    return [op.id for op in ops]
