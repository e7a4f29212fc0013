"""How many operations of a run a bug touched: measured by the bug itself, which says each time what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planted.bot import Bot
    from planted.case import Planted
    from pytest_arbredis.history.history import History

MOST = 0.01
"""A bug touches no larger share of the operations."""


@dataclass(frozen=True, slots=True)
class Touched:
    """So many operations of so many."""

    count: int
    of: int


def touched(planted: Planted, bot: Bot, history: History) -> Touched:
    """Of one run; where a fault brings the bug out, of its operations before any fault.

    What such a bug does from the fault on is what is found; what matters is that it does nothing without one.
    """
    until_ns = min((fault.began_ns for fault in history.faults), default=None) if planted.only_by_a_fault else None
    invoked = [op.invoked_ns for op in history.ops if not op.is_final and op.sent]
    return Touched(
        count=sum(until_ns is None or at_ns < until_ns for at_ns in bot.shared.touched),
        of=sum(until_ns is None or at_ns < until_ns for at_ns in invoked),
    )
