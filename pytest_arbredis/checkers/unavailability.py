"""Unavailability: the windows in which nothing of a class succeeded although operations of it were due."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.classes import classes_of
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import FaultRecord, Json, Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time in which nothing of one class succeeded; `ended` is False if nothing did until the load ended."""

    name: str
    from_ns: int
    until_ns: int
    ended: bool
    due: tuple[int, ...]
    """Ids of the first operations that were due in it and not applied, ten at most; else of the one that was late."""

    @property
    def ms(self) -> float:
        """How long it was, in milliseconds."""
        return (self.until_ns - self.from_ns) / NS_PER_MS


def windows_of(history: History, name: str, *, least_ms: float) -> list[Window]:
    """The windows of `least_ms` or more in which operations called `name` were due and none was applied.

    An operation is due when it was intended, else when it was invoked. A window begins with the first operation that
    was due after a success, or with that success if one was pending then; it ends with the next success, or with the
    class's last operation. What was due after the load had ended, because a run was broken off, is none of it.
    """
    load_until_ns = history.header.meta.get("load_until_ns")
    until = load_until_ns if isinstance(load_until_ns, int) else float("inf")
    ops = sorted((op for op in history.named(name) if op.sent or _due_ns(op) <= until), key=_due_ns)
    if not ops:
        return []
    due_ns = [_due_ns(op) for op in ops]
    over_ns = list(accumulate(map(_over_ns, ops), max))
    served = sorted(op.completed_ns for op in ops if op.applied and op.completed_ns is not None)
    bounds = [due_ns[0], *served]
    ended = len(bounds) - 1
    if over_ns[-1] > bounds[-1]:
        bounds.append(over_ns[-1])
    found: list[Window] = []
    for place, (success_ns, until_ns) in enumerate(pairwise(bounds)):
        first, behind = bisect_left(due_ns, success_ns), bisect_right(due_ns, until_ns)
        pending = first > 0 and over_ns[first - 1] > success_ns
        if first == behind and not pending:
            continue
        from_ns = success_ns if pending else due_ns[first]
        if until_ns - from_ns >= least_ms * NS_PER_MS:
            within = ops[first:behind] or ops[first - 1 : first]
            refused = [op.id for op in within if not op.applied][:10]
            ids = tuple(refused or [op.id for op in within[:1]])
            found.append(Window(name=name, from_ns=from_ns, until_ns=until_ns, ended=place < ended, due=ids))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class UnavailableAtMost:
    """No class of operation is unavailable for longer than `longest_ms` at a time, or `total_ms` in all.

    With `during` only what a window has of the times counts when a fault of that name was in force.

    A class is a name of operations; without `names` every one of the load. It is unavailable from the first operation
    that is due after a success (or pending then) to the next success; windows shorter than `least_ms` count as none. A
    window that had not ended when the load did counts with what there was of it. The figures list the windows by class,
    `[from, until]` in milliseconds since the load began.

    Unknown if there is no operation, or nothing of a class succeeded before the first fault; with `during`, if no such
    fault was observed, or no operation of a class was due in it.
    """

    longest_ms: float | None = None
    total_ms: float | None = None
    names: tuple[str, ...] = ()
    least_ms: float = 100
    during: str | None = None

    def __post_init__(self) -> None:
        """Refuse a claim without a limit."""
        limits = [limit for limit in (self.longest_ms, self.total_ms) if limit is not None]
        if not limits or min(limits) < self.least_ms or self.least_ms <= 0:
            raise UsageError(
                f"{self}", remedy=f"give longest_ms or total_ms, of least_ms ({self.least_ms:g} ms) or more"
            )

    @property
    def claim(self) -> str:
        """`unavailable_at_most`."""
        return "unavailable_at_most"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        names = classes_of(history, self.names)
        found = {name: self._windows(history, name) for name in names}
        windows = [window for each in found.values() for window in each]
        longest = max(windows, key=lambda window: window.ms, default=None)
        totals = {name: sum(window.ms for window in each) for name, each in found.items()}
        worst_name = max(totals, key=lambda name: totals[name], default="")
        over_longest = longest is not None and self.longest_ms is not None and longest.ms > self.longest_ms
        over_total = self.total_ms is not None and totals.get(worst_name, 0) > self.total_ms
        origin_ns = _origin_ns(history)
        figures: dict[str, Json] = {
            name: {
                "windows_ms": [
                    [_since(window.from_ns, origin_ns), _since(window.until_ns, origin_ns)] for window in each
                ],
                "total_ms": totals[name],
            }
            for name, each in found.items()
        }
        verdict, proof = Verdict.VALID, longest.due if longest is not None and over_longest else ()
        told = "never unavailable" if longest is None else _told(longest)
        if over_longest:
            verdict, summary = Verdict.INVALID, f"{told} ({self.longest_ms:g} ms allowed)"
        elif over_total:
            verdict = Verdict.INVALID
            proof = tuple(window.due[0] for window in found[worst_name])[:10]
            count = len(found[worst_name])
            summary = f"{worst_name} unavailable for {totals[worst_name]:.0f} ms in {count} windows"
            summary += f" ({self.total_ms:g} ms allowed)"
        else:
            unserved = _unserved(history, names) or self._undue(history, names)
            if unserved or not names:
                verdict = Verdict.UNKNOWN
            summary = unserved or (f"{len(names)} classes: {told}" if names else "no operation to judge")
        if self.during:
            summary += f" while {self.during} was in force"
        lines = tuple(_told(window) for window in sorted(windows, key=lambda window: -window.ms)[:20])
        return Finding(claim=self.claim, verdict=verdict, summary=summary, proof=proof, figures=figures, lines=lines)

    def _windows(self, history: History, name: str) -> list[Window]:
        """What there is of them while the fault is in force; all of them without one."""
        windows = windows_of(history, name, least_ms=self.least_ms)
        if not self.during:
            return windows
        parts = [
            replace(
                window,
                from_ns=max(window.from_ns, span.began_ns),
                until_ns=min(window.until_ns, window.until_ns if span.ended_ns is None else span.ended_ns),
            )
            for window in windows
            for span in _seen(history, self.during)
        ]
        return [part for part in parts if part.ms >= self.least_ms]

    def _undue(self, history: History, names: Sequence[str]) -> str:
        """Why nothing can be said of what was during the fault; empty if it can."""
        if not self.during:
            return ""
        spans = _seen(history, self.during)
        if not spans:
            return f"no fault {self.during!r} was observed"
        for name in names:
            due = map(_due_ns, history.named(name))
            if not any(span.began_ns <= at_ns <= (span.ended_ns or at_ns) for at_ns in due for span in spans):
                return f"no {name} was due"
        return ""


def unavailable_at_most(
    *,
    longest_ms: float | None = None,
    total_ms: float | None = None,
    names: Sequence[str] = (),
    least_ms: float = 100,
    during: str | None = None,
) -> UnavailableAtMost:
    """No class of operation is unavailable for longer than `longest_ms` at a time, or `total_ms` in all."""
    return UnavailableAtMost(
        longest_ms=longest_ms, total_ms=total_ms, names=tuple(names), least_ms=least_ms, during=during
    )


def _seen(history: History, name: str) -> list[FaultRecord]:
    """The faults of this name that were observed."""
    return [fault for fault in history.faults if fault.name == name and fault.evidence is not None]


def _due_ns(op: Op) -> int:
    return op.invoked_ns if op.intended_ns is None else op.intended_ns


def _over_ns(op: Op) -> int:
    return max(_due_ns(op), op.invoked_ns if op.completed_ns is None else op.completed_ns)


def _unserved(history: History, names: Sequence[str]) -> str:
    """Which class was not served before the first fault; empty if each was."""
    before_ns = history.faults[0].began_ns if history.faults else float("inf")
    for name in names:
        if not any(
            op.applied and op.completed_ns is not None and op.completed_ns <= before_ns for op in history.named(name)
        ):
            return f"no {name} succeeded" + (" before the first fault" if history.faults else "")
    return ""


def _origin_ns(history: History) -> int:
    said = history.header.meta.get("load_from_ns")
    return said if isinstance(said, int) else min((op.invoked_ns for op in history.ops), default=0)


def _since(at_ns: int, origin_ns: int) -> float:
    return (at_ns - origin_ns) / NS_PER_MS


def _told(window: Window) -> str:
    return f"{window.name} unavailable for {window.ms:.0f} ms" + ("" if window.ended else ", to the end of the load")
