"""The tape: it has every fill that was acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.entries import field_of
from pytest_arbredis.checkers.final import final_values, why_unread
from pytest_arbredis.checkers.losses import ids_of, proof_of_loss
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import MalformedHistoryError
from pytest_arbredis.history.interning import identity_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class NoFillLost:
    """Every acknowledged fill is in the list that is read back from its key: the tape.

    A fill is an operation called `fill` on the tape's key; its input is an id, or an object with the field `id`; the
    tape's elements are ids, objects, or objects written as JSON. Unknown if a tape has no final read, or if nothing was
    acknowledged. The proof is a lost fill and the final read that misses it.
    """

    names: tuple[str, ...] = ("fill",)
    id: str = "id"

    @property
    def claim(self) -> str:
        """`no_fill_lost`."""
        return "no_fill_lost"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        finals = final_values(history)
        fills = [op for op in history.named(*self.names) if op.applied]
        tapes = {
            key: {identity_of(field_of(element, self.id)) for element in _tape(key, finals[key])}
            for key in {op.key for op in fills}
            if key is not None and key in finals
        }
        lost = [op for op in fills if op.key in tapes and identity_of(field_of(op.input, self.id)) not in tapes[op.key]]
        unread = [op for op in fills if op.key not in tapes]
        verdict, summary = Verdict.VALID, f"all {len(fills)} acknowledged fills are on their tape"
        if lost:
            verdict, summary = Verdict.INVALID, f"{len(lost)} of {len(fills)} acknowledged fills are not on their tape"
        elif unread:
            verdict = Verdict.UNKNOWN
            summary = f"{len(unread)} of {len(fills)} fills could not be judged: {why_unread(history)}"
        elif not fills:
            verdict, summary = Verdict.UNKNOWN, f"no acknowledged {' or '.join(self.names)} to judge"
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=proof_of_loss(history, lost),
            figures={"judged": len(fills), "lost": len(lost), "unread": len(unread), "lost_ids": ids_of(lost)},
        )


def no_fill_lost(*, names: Iterable[str] = ("fill",), id: str = "id") -> NoFillLost:
    """Every acknowledged fill is in the list that is read back from its key."""
    return NoFillLost(names=tuple(names), id=id)


def _tape(key: str, final: Json) -> list[Json]:
    if final is None:
        return []
    if not isinstance(final, list):
        raise MalformedHistoryError(f"the tape {key!r} ends as {final!r}", remedy="read it back as a list")
    return final
