"""Commands that arrived at servers, each within a span: one instant by MONITOR, between two looks by counts."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.command_counts import rises
from pytest_arbredis.checkers.seen import commands, refused_monitor

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

    from pytest_arbredis.history.history import History


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Arrivals:
    """So many commands, all of them after `from_ns` and by `until_ns`."""

    from_ns: int
    until_ns: int
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """All commands at some nodes, by time; `by_counts` if no more is known than how many came between two looks.

    `blind` says when the counts do not tell what came.
    """

    arrivals: tuple[Arrivals, ...]
    by_counts: bool = False
    blind: tuple[Arrivals, ...] = ()


def traffic(history: History, names: Iterable[str], nodes: Container[str]) -> Traffic:
    """What MONITOR showed at these nodes (empty: all); what was counted, where it was refused or could not show all."""
    by_node = {node: every for node, every in rises(history, names).items() if not nodes or node in nodes}
    if by_node and (refused_monitor(history) or _left_out(history) or not commands(history)):
        every = sorted((one for found in by_node.values() for one in found), key=lambda one: one.after_ns)
        return Traffic(
            arrivals=tuple(
                Arrivals(from_ns=one.after_ns, until_ns=one.by_ns, count=one.count) for one in every if one.count
            ),
            by_counts=True,
            blind=tuple(
                Arrivals(from_ns=one.after_ns, until_ns=one.by_ns, count=0)
                for one in every
                if one.blind or one.doubtful & one.calls.keys()
            ),
        )
    seen = [one for one in commands(history, names) if not nodes or one.node in nodes]
    return Traffic(arrivals=tuple(Arrivals(from_ns=one.at_ns, until_ns=one.at_ns) for one in seen))


def certainly_within(arrivals: Sequence[Arrivals], period_ns: int) -> int:
    """The most that certainly arrived within one period."""
    return _most(arrivals, [(one.from_ns, one.from_ns + period_ns) for one in arrivals], _is_inside)


def possibly_within(arrivals: Sequence[Arrivals], period_ns: int) -> int:
    """The most that may have arrived within one period."""
    return _most(arrivals, [(one.until_ns, one.until_ns + period_ns) for one in arrivals], _may_be_inside)


Window = tuple[int, int]


def _is_inside(one: Arrivals, window: Window) -> bool:
    return one.from_ns >= window[0] and one.until_ns < window[1]


def _may_be_inside(one: Arrivals, window: Window) -> bool:
    return one.until_ns >= window[0] and one.from_ns < window[1]


def _most(arrivals: Iterable[Arrivals], windows: Iterable[Window], counts: Callable[[Arrivals, Window], bool]) -> int:
    """The largest sum of the arrivals that count for one window; only those at its edges are looked at singly."""
    ordered = sorted(arrivals)
    begins = [one.from_ns for one in ordered]
    sums = [0, *accumulate(one.count for one in ordered)]
    longest = max((one.until_ns - one.from_ns for one in ordered), default=0)
    most = 0
    for window in windows:
        first, last = bisect_left(begins, window[0] - longest), bisect_left(begins, window[1])
        sure_from = min(bisect_left(begins, window[0]), last)
        sure_until = max(sure_from, bisect_left(begins, window[1] - longest))
        edges = (*ordered[first:sure_from], *ordered[sure_until:last])
        most = max(most, sums[sure_until] - sums[sure_from] + sum(one.count for one in edges if counts(one, window)))
    return most


def _left_out(history: History) -> bool:
    return any(event.data.get("kind") == "commands-not-recorded" for event in history.events_named("note"))
