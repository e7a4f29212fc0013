"""Order ids: none is given out twice, and none is in the books twice."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from pytest_arbredis.checkers.entries import Side, field_of
from pytest_arbredis.checkers.final import final_values
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.interning import identity_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op


@dataclass(frozen=True, slots=True, kw_only=True)
class NoOrderIdTwice:
    """No two acknowledged orders have the same id, and no list that is read back from an order's key has an id twice.

    An order is an operation called `order`. Its id is its input, or with `of="output"` its output (ids that a counter
    gives out), or the field `id` of that if it is an object; elements of the final list are ids, objects, or objects
    written as JSON. The scope is the whole history, not a key: an id is unique for everybody.

    Unknown if an order without an acknowledgement has the id of another one, and the final reads do not tell; or if no
    order was acknowledged. The proof is the two orders, or the order and the final read that shows it twice.
    """

    names: tuple[str, ...] = ("order",)
    of: Side = "input"
    id: str = "id"

    def __post_init__(self) -> None:
        """Refuse a side that no operation has."""
        if self.of not in get_args(Side):
            raise UsageError.unknown("side", self.of, get_args(Side))

    @property
    def claim(self) -> str:
        """`no_order_id_twice`."""
        return "no_order_id_twice"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        orders: dict[Hashable, list[Op]] = defaultdict(list)
        for op in history.named(*self.names):
            given = field_of(op.input if self.of == "input" else op.output, self.id)
            if given is not None and op.sent and (op.outcome != "fail" or op.applied):
                orders[identity_of(given)].append(op)
        twice = [ops for ops in ([op for op in ops if op.applied] for ops in orders.values()) if len(ops) > 1]
        open_ = [ops for ops in orders.values() if len(ops) > 1 and sum(op.applied for op in ops) < 2]
        judged = sum(op.applied for ops in orders.values() for op in ops)
        in_books = self._twice_in_books(history, {op.key for ops in orders.values() for op in ops})
        verdict, summary = Verdict.VALID, f"{judged} acknowledged orders have an id each of its own"
        proof: tuple[int, ...] = ()
        if twice:
            verdict, summary = Verdict.INVALID, f"{len(twice)} order ids were acknowledged twice or more"
            proof = tuple(op.id for op in twice[0][:2])
        elif in_books:
            verdict, summary = Verdict.INVALID, f"{len(in_books)} order ids are in the books twice or more"
            read, shown = in_books[0]
            proof = (*(op.id for op in orders.get(shown, ())[:1]), read.id)
        elif not judged:
            verdict, summary = Verdict.UNKNOWN, f"no acknowledged {' or '.join(self.names)} with an id to judge"
        elif any(not self._told(history, ops) for ops in open_):
            verdict = Verdict.UNKNOWN
            summary = f"{len(open_)} order ids were sent again without an acknowledgement of both"
            proof = tuple(op.id for op in open_[0][:2])
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=proof,
            figures={
                "judged": judged,
                "twice": len(twice),
                "twice_in_books": len(in_books),
                "undecided": len(open_),
            },
        )

    def _twice_in_books(self, history: History, keys: set[str | None]) -> list[tuple[Op, Hashable]]:
        """The final reads that show an id twice, each with that id."""
        finals = final_values(history)
        found = []
        for read in history.final_reads():
            if read.outcome == "ok" and read.key in keys and read.key in finals and isinstance(read.output, list):
                seen: set[Hashable] = set()
                for given in map(identity_of, _ids(read.output, self.id)):
                    if given in seen:
                        found.append((read, given))
                    seen.add(given)
        return found

    def _told(self, history: History, orders: list[Op]) -> bool:
        """Whether the final lists of all the keys of these orders were read: then they show whether one came twice."""
        finals = final_values(history)
        return len({op.key for op in orders}) == 1 and all(
            op.key in finals and isinstance(finals[op.key], list) for op in orders if op.key is not None
        )


def no_order_id_twice(*, names: Iterable[str] = ("order",), of: Side = "input", id: str = "id") -> NoOrderIdTwice:
    """No two acknowledged orders have the same id, and no list that is read back from an order's key has one twice."""
    return NoOrderIdTwice(names=tuple(names), of=of, id=id)


def _ids(elements: list[Json], field: str) -> list[Json]:
    return [given for given in (field_of(element, field) for element in elements) if given is not None]
