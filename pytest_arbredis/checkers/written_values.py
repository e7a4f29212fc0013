"""Values that were read were written: nothing is made up, mixed of two writes, or brought back from a failed one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.losses import ids_of
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.checkers.versions import versions_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesReadWereWritten:
    """Every value that a read gives was written to its key, by a write that had been invoked before the read ended.

    A write that failed wrote nothing; one that is unknown may have. Whether the value is still the right one is not
    asked, and null is no value: what may go back, or be lost, is another claim's business. The final reads count too.

    Unknown if no read gave a value. The proof is the first read that gave what nobody wrote.
    """

    names: tuple[str, ...] = ("read",)

    @property
    def claim(self) -> str:
        """`values_read_were_written`."""
        return "values_read_were_written"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        reads = [op for op in history.named(*self.names) if op.outcome == "ok" and op.output is not None]
        versions = versions_of(history, reads)
        foreign: list[Op] = []
        for read in reads:
            of_key = versions.get(read.key)
            version = of_key.of(read.output) if of_key else None
            if version is None or (read.completed_ns is not None and version.began_ns > read.completed_ns):
                foreign.append(read)
        verdict = Verdict.INVALID if foreign else Verdict.VALID if reads else Verdict.UNKNOWN
        summary = f"each of {len(reads)} values that were read had been written"
        if foreign:
            summary = f"{len(foreign)} of {len(reads)} reads gave a value that nobody had written: "
            summary += f"operation {foreign[0].id} gave {str(foreign[0].output)[:120]!r}"
        elif not reads:
            summary = "no read gave a value"
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=tuple(op.id for op in foreign[:1]),
            figures={"judged": len(reads), "violations": len(foreign), "violation_ids": ids_of(foreign)},
        )


def values_read_were_written(*, names: Iterable[str] = ("read",)) -> ValuesReadWereWritten:
    """Every value that a read gives was written to its key, by a write that had been invoked before the read ended."""
    return ValuesReadWereWritten(names=tuple(names))
