"""A hazard of publish and subscribe: messages that were published with success and never reached their subscriber."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.losses import ids_of
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesAreLost:
    """At least `at_least` messages of successful publishes are missing between two that the subscriber received.

    A hazard: valid when shown, else unknown. That messages before and after them arrived shows that the subscriber was
    there; `silently` are those for which no `receive` of its reported an error between the two.
    """

    at_least: int = 1

    def __post_init__(self) -> None:
        """Refuse a number that shows nothing."""
        if self.at_least < 1:
            raise UsageError(f"at_least={self.at_least!r} lost messages", remedy="use 1 or more")

    @property
    def claim(self) -> str:
        """`messages_are_lost`."""
        return "messages_are_lost"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        lost: list[Op] = []
        silent: list[Op] = []
        published = 0
        for publishes, receives in _by_channel(history):
            told = [op for op in publishes if op.outcome == "ok"]
            published += len(told)
            for gap, reported in _gaps(told, receives):
                lost += gap
                silent += [] if reported else gap
        shown = len(lost) >= self.at_least
        summary = f"{len(lost)} of {published} published messages never received, {len(silent)} of them silently"
        return Finding(
            claim=self.claim,
            verdict=Verdict.VALID if shown else Verdict.UNKNOWN,
            summary=summary if shown else f"{summary}; at least {self.at_least} wanted",
            proof=tuple(op.id for op in lost[:10]),
            figures={
                "published": published,
                "lost": len(lost),
                "lost_silently": len(silent),
                "told_no_receiver": sum(op.output == 0 for op in lost),
                "lost_ids": ids_of(lost),
            },
        )


def messages_are_lost(*, at_least: int = 1) -> MessagesAreLost:
    """Messages that were published with success never reach a subscriber that was there before and after."""
    return MessagesAreLost(at_least=at_least)


def _by_channel(history: History) -> list[tuple[list[Op], list[Op]]]:
    channels: dict[str | None, tuple[list[Op], list[Op]]] = defaultdict(lambda: ([], []))
    for op in history.named("publish", "receive"):
        channels[op.key][op.name == "receive"].append(op)
    return [channels[key] for key in sorted(channels, key=str)]


def _gaps(told: Sequence[Op], receives: Sequence[Op]) -> list[tuple[list[Op], bool]]:
    """Runs of missing messages with a received one on both sides, and whether an error was reported between those."""
    delivered: dict[Json, Op] = {}
    for op in receives:
        for message in op.output if isinstance(op.output, list) else ():
            if isinstance(message, str):
                delivered.setdefault(message, op)
    failed_ns = [op.invoked_ns for op in receives if op.outcome != "ok" and op.sent]
    gaps: list[tuple[list[Op], bool]] = []
    before: Op | None = None
    missing: list[Op] = []
    for op in told:
        by = delivered.get(op.input) if isinstance(op.input, str) else None
        if by is None:
            missing.append(op)
            continue
        if before is not None and missing:
            gaps.append((missing, any(before.invoked_ns <= ns <= by.invoked_ns for ns in failed_ns)))
        before, missing = by, []
    return gaps
