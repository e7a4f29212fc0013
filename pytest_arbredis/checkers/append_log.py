"""Append-only log: it only grows, at its end, and what was appended stays where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.additions import Additions
from pytest_arbredis.checkers.effects import by_key
from pytest_arbredis.checkers.log_order import order_violations
from pytest_arbredis.checkers.log_reads import Reading, reading_violations
from pytest_arbredis.checkers.violations import Judged, Violation, shown

if TYPE_CHECKING:
    from pytest_arbredis.checkers.verdict import Finding
    from pytest_arbredis.history.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIsAPrefix:
    """What `read` gives of a key (a list; null is empty) is a prefix of what every later read gives.

    Of two reads that overlap one is a prefix of the other. No element is there twice; those whose `append` v completed
    before the read began are there, in the order of appends that do not overlap; those of failed appends, and of
    appends that began after the read had ended, are not. An unknown append may show up at any time, once. Where each
    value is appended once, this is linearizability of the log.

    Unknown without a successful read, and where a value was appended more than once and nothing else is wrong. The
    proof is two reads, or an append and a read, or two appends and a read that shows their order.
    """

    @property
    def claim(self) -> str:
        """`log_is_a_prefix`."""
        return "log_is_a_prefix"

    def __call__(self, history: History) -> Finding:
        """Judge one history. Raises `MalformedHistoryError` for an append of nothing or a reading that is no list."""
        keys = by_key(history, ("append", "read"))
        violations: list[Violation] = []
        undecided: list[str] = []
        count = acknowledged = read_keys = 0
        for key, ops in keys.items():
            appends = Additions.of((op for op in ops if op.name == "append"), verb="appended")
            readings = [Reading.of(op) for op in ops if op.name == "read" and op.outcome == "ok"]
            for reading in readings:
                violations += reading_violations(appends, reading)
            violations += order_violations(appends, readings)
            count += len(readings)
            read_keys += bool(readings)
            acknowledged += appends.acknowledged
            if appends.repeated is not None:
                value = shown(appends.repeated.input)
                undecided.append(f"{value} was appended to {shown(key)} more than once: make each value unique")
        return Judged(
            claim=self.claim,
            noun="reads",
            count=count,
            keys=read_keys,
            acknowledged=acknowledged,
            ignored=len(history.ops) - sum(map(len, keys.values())),
            violations=violations,
            undecided=undecided,
        ).finding()


def log_is_a_prefix() -> LogIsAPrefix:
    """What is read of a log is a prefix of what is read later; nothing is lost, twice, or out of order."""
    return LogIsAPrefix()
