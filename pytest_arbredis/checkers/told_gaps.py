"""Publish and subscribe with numbers: what a subscriber misses, it is told of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.effects import by_key
from pytest_arbredis.checkers.elements import element
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.checkers.violations import apart, malformed, shown
from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.columns import NEVER

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class GapsAreTold:
    """Each message that was published with success is received, or its subscriber is told that it was missed.

    `publish` of a value answers its number, or an object with `number`; `receive` answers a list of values, of gaps
    (`{"gap": [first, last]}`) and of resets (`{"reset": true}`: whatever was published before may be missing). A
    channel is a key, with one subscriber, whose first successful `receive` begins it. A message is missed silently if
    it is never received, and neither the first successful `receive` that began more than `within_ms` after it was
    published, nor any before, tells that it is missing.

    Unknown without a message of which that can be said, and if none was missed: nothing had to be told. The proof is
    the publish and that receive.
    """

    within_ms: float = 1000.0

    def __post_init__(self) -> None:
        if not self.within_ms >= 0:
            raise UsageError(f"within_ms={self.within_ms!r}", remedy="give milliseconds, 0 or more")

    @property
    def claim(self) -> str:
        """`gaps_are_told`."""
        return "gaps_are_told"

    def __call__(self, history: History) -> Finding:
        """Judge one history. Raises `MalformedHistoryError` for a receive that answers no list."""
        received = told = undecided = 0
        silent: list[tuple[Op, Op]] = []
        for ops in by_key(history, ("publish", "receive")).values():
            channel = _Channel(ops)
            for op in channel.publishes:
                late = channel.late(op, round(self.within_ms * NS_PER_MS))
                if channel.has(op):
                    received += 1
                elif channel.tells(op, by_ns=NEVER if late is None else late.completed_ns or NEVER):
                    told += 1
                elif late is not None:
                    silent.append((op, late))
                else:
                    undecided += 1
        figures = {"received": received, "told": told, "silent": len(silent), "undecided": undecided}
        whole = f"{received + told + len(silent)} published messages"
        if silent:
            first, late = silent[0]
            summary = (
                f"{len(silent)} of {whole} were missed silently: of {shown(first.input)} nothing was said "
                f"{apart(first.completed_ns or 0, late.invoked_ns)} later"
            )
            proof = (first.id, late.id)
            return Finding(claim=self.claim, verdict=Verdict.INVALID, summary=summary, proof=proof, figures=figures)
        if not received or not told:
            summary = f"{received} messages were received, and of {told} was told that they are missing"
            summary += ": nothing had to be told" if received else ""
            return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary=summary, figures=figures)
        summary = f"of {whole} {received} were received, and of the other {told} was told that they are missing"
        return Finding(claim=self.claim, verdict=Verdict.VALID, summary=summary, figures=figures)


def gaps_are_told(*, within_ms: float = 1000.0) -> GapsAreTold:
    """Each message that was published with success is received, or its subscriber is told that it was missed."""
    return GapsAreTold(within_ms=within_ms)


class _Channel:
    """One channel: what was published while it had a subscriber, and what that was told."""

    def __init__(self, ops: Sequence[Op]) -> None:
        self.receives = [op for op in ops if op.name == "receive" and op.outcome == "ok"]
        begun_ns = min((op.completed_ns or 0 for op in self.receives), default=0)
        self.publishes = [
            op
            for op in ops
            if op.name == "publish" and op.outcome == "ok" and self.receives and op.invoked_ns > begun_ns
        ]
        self._values: set[Hashable] = set()
        self._gaps: list[tuple[int, int, int]] = []
        self._resets: list[int] = []
        for op in self.receives:
            self._take(op)

    def _take(self, op: Op) -> None:
        if not isinstance(op.output, list):
            raise malformed(op, f"{shown(op.output)} is not a list", remedy="answer what was received as a list")
        at_ns = op.completed_ns or 0
        for one in op.output:
            if isinstance(one, dict) and "reset" in one:
                self._resets.append(at_ns)
            elif isinstance(one, dict) and "gap" in one:
                span = one["gap"]
                if not (isinstance(span, list) and len(span) == 2 and all(type(number) is int for number in span)):
                    raise malformed(op, f"{shown(one)} is no gap", remedy='write {"gap": [first, last]}')
                first, last = (int(str(number)) for number in span)
                self._gaps.append((first, last, at_ns))
            else:
                self._values.add(element(one))

    def has(self, publish: Op) -> bool:
        """Whether it was received."""
        return element(publish.input) in self._values

    def tells(self, publish: Op, *, by_ns: int) -> bool:
        """Whether a gap that has its number, or a reset, was told of after it was published, and by then."""
        if any(publish.invoked_ns < at_ns <= by_ns for at_ns in self._resets):
            return True
        number = publish.output.get("number") if isinstance(publish.output, dict) else publish.output
        if type(number) is not int:
            return False
        return any(first <= number <= last and publish.invoked_ns < at_ns <= by_ns for first, last, at_ns in self._gaps)

    def late(self, publish: Op, within_ns: int) -> Op | None:
        """The first successful receive that should have known."""
        known_by_ns = (publish.completed_ns or 0) + within_ns
        return next((op for op in self.receives if op.invoked_ns > known_by_ns), None)
