"""Numbers that only grow: sequence numbers, and fencing tokens at the resource that they protect."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from pytest_arbredis.checkers.entries import Side, field_of
from pytest_arbredis.checkers.losses import ids_of
from pytest_arbredis.checkers.precedence import came_before
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import MalformedHistoryError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op

_Number = tuple[float, ...]
_Pair = tuple["Op", "Op"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceIsMonotonic:
    """Of two acknowledged operations of a key, one over before the other began, the later one has the larger number.

    The operations are called `next`; the number is what they answered, or with `of="input"` what they were given (a
    sequence as a consumer accepts it), or its field `number` if that is an object. No number comes twice, at the same
    time neither. A number may be a list, compared from the left: (epoch, counter). Operations that were not
    acknowledged have no number. An INCR that rolls back at a failover breaks it.

    Unknown unless one of a key's operations followed another. The proof is the two operations.
    """

    names: tuple[str, ...] = ("next",)
    of: Side = "output"
    field: str = "number"

    def __post_init__(self) -> None:
        """Refuse a side that no operation has."""
        if self.of not in get_args(Side):
            raise UsageError.unknown("side", self.of, get_args(Side))

    @property
    def claim(self) -> str:
        """`sequence_is_monotonic`."""
        return "sequence_is_monotonic"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        judged = 0
        back: list[_Pair] = []
        twice: list[_Pair] = []
        for ops in _by_key(op for op in history.named(*self.names) if op.outcome == "ok"):
            numbers = {op.id: _number(op, self.of, self.field) for op in ops}
            pairs = _after_the_highest(ops, numbers)
            judged += len(pairs)
            back += [(first, then) for first, then in pairs if numbers[then.id] <= numbers[first.id]]
            first_with: dict[_Number, Op] = {}
            for op in ops:
                first = first_with.setdefault(numbers[op.id], op)
                twice += [(first, op)] if first is not op else []
        wrong = back + [pair for pair in twice if pair[1].id not in {then.id for _, then in back}]
        if wrong:
            verdict = Verdict.INVALID
            summary = f"{len(back)} of {judged} numbers did not grow, {len(twice)} came twice"
        elif judged:
            verdict, summary = Verdict.VALID, f"{judged} numbers were each larger than all before them"
        else:
            verdict, summary = Verdict.UNKNOWN, f"no {' or '.join(self.names)} followed an acknowledged one"
        return _finding(self.claim, verdict, summary, judged=judged, wrong=wrong, perhaps=[])


@dataclass(frozen=True, slots=True, kw_only=True)
class FencingTokenIsMonotonic:
    """The resource accepts no operation with a lower token than one that it had accepted before.

    The resource's operations are called `accept`: `ok` is accepted, `fail` is refused. The token is the input, or its
    field `token` if that is an object: a number, or a list compared from the left, such as (Sentinel's epoch, counter).
    The same token may come again. Tokens are compared within a key: the resource. With `of="output"` the token is what
    the resource answered; an operation without an answer has none then, and is not judged.

    Unknown if an operation with an unknown outcome may have been accepted against the order, or if no acceptance
    followed another. The proof is the two operations.
    """

    names: tuple[str, ...] = ("accept",)
    field: str = "token"
    of: Side = "input"

    def __post_init__(self) -> None:
        """Refuse a side that no operation has."""
        if self.of not in get_args(Side):
            raise UsageError.unknown("side", self.of, get_args(Side))

    @property
    def claim(self) -> str:
        """`fencing_token_is_monotonic`."""
        return "fencing_token_is_monotonic"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        judged = 0
        wrong: list[_Pair] = []
        perhaps: list[_Pair] = []
        accepted = (op for op in history.named(*self.names) if op.sent and (op.outcome != "fail" or op.applied))
        for ops in _by_key(op for op in accepted if self.of == "input" or op.output is not None):
            numbers = {op.id: _number(op, self.of, self.field) for op in ops}
            certain = _after_the_highest([op for op in ops if op.applied], numbers)
            judged += len(certain)
            wrong += [(first, then) for first, then in certain if numbers[then.id] < numbers[first.id]]
            perhaps += [
                (first, then)
                for first, then in _after_the_highest(ops, numbers)
                if numbers[then.id] < numbers[first.id] and not (first.applied and then.applied)
            ]
        if wrong:
            verdict, summary = Verdict.INVALID, f"{len(wrong)} of {judged} accepted tokens were lower than one before"
        elif perhaps:
            verdict = Verdict.UNKNOWN
            summary = f"{len(perhaps)} operations with an unknown outcome may have been accepted against the order"
        elif judged:
            verdict, summary = Verdict.VALID, f"none of {judged} accepted tokens was lower than one before"
        else:
            verdict, summary = Verdict.UNKNOWN, f"no {' or '.join(self.names)} followed an accepted one"
        return _finding(self.claim, verdict, summary, judged=judged, wrong=wrong, perhaps=perhaps)


def sequence_is_monotonic(
    *, names: Iterable[str] = ("next",), of: Side = "output", field: str = "number"
) -> SequenceIsMonotonic:
    """Of two acknowledged operations of a key, one over before the other began, the later one has the larger number."""
    return SequenceIsMonotonic(names=tuple(names), of=of, field=field)


def fencing_token_is_monotonic(
    *, names: Iterable[str] = ("accept",), field: str = "token", of: Side = "input"
) -> FencingTokenIsMonotonic:
    """The resource accepts no operation with a lower token than one that it had accepted before."""
    return FencingTokenIsMonotonic(names=tuple(names), field=field, of=of)


def _by_key(ops: Iterable[Op]) -> Iterable[list[Op]]:
    """The operations of each key, by invocation."""
    found: dict[str | None, list[Op]] = defaultdict(list)
    for op in ops:
        found[op.key].append(op)
    return found.values()


def _after_the_highest(ops: Sequence[Op], numbers: dict[int, _Number]) -> list[_Pair]:
    """Each operation that others were over before, with that of them which has the highest number, first."""
    by_end = sorted((op for op in ops if op.completed_ns is not None), key=lambda op: op.completed_ns or 0)
    highest: Op | None = None
    pairs = []
    done = 0
    for op in ops:
        while done < len(by_end) and came_before(by_end[done], op):
            if highest is None or numbers[by_end[done].id] > numbers[highest.id]:
                highest = by_end[done]
            done += 1
        if highest is not None:
            pairs.append((highest, op))
    return pairs


def _number(op: Op, of: Side, field: str) -> _Number:
    told: Json = field_of(op.input if of == "input" else op.output, field)
    parts = told if isinstance(told, list) else [told]
    numbers = [part for part in parts if isinstance(part, int | float) and not isinstance(part, bool)]
    if not parts or len(numbers) != len(parts):
        raise MalformedHistoryError(
            f"operation {op.id} ({op.name}): {told!r} is not a number",
            remedy=f"give a number, a list of numbers, or an object with one as {field!r}",
        )
    return tuple(numbers)


def _finding(
    claim: str, verdict: Verdict, summary: str, *, judged: int, wrong: list[_Pair], perhaps: list[_Pair]
) -> Finding:
    return Finding(
        claim=claim,
        verdict=verdict,
        summary=summary,
        proof=tuple(op.id for pair in (wrong or perhaps)[:1] for op in pair),
        figures={
            "judged": judged,
            "violations": len(wrong),
            "undecided": len(perhaps),
            "violation_ids": ids_of(then for _, then in wrong),
        },
    )
