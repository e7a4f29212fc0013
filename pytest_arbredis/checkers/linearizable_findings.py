"""What judging the keys of a history one by one came to, and the finding that says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from pytest_arbredis.checkers.linearizable_proof import MOST, Proof
from pytest_arbredis.checkers.search import Answer, Call, Limits, Searched, search
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.checkers.violations import as_json_has_it
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from pytest_arbredis.history.records import Json

C = TypeVar("C")

MAX_STEPS: Final = 5_000_000
MAX_SECONDS: Final = 60.0
MAX_MEMORY_BYTES: Final = 2**30

MOST_SEARCHED: Final = 200_000
"""A key with more operations than this is not searched: it would not end."""

_PROVEN_KEYS: Final = 5
_PROOF_STEPS: Final = 300_000
_PROOF_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A key that is not linearizable: the ids that prove it, and one line that says why."""

    key: str | None
    proof: tuple[int, ...]
    why: str

    @property
    def line(self) -> str:
        """With its key, for a summary."""
        return f"{shown_key(self.key)}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """A key on which the search gave up: with how many operations, and what it had explored."""

    key: str | None
    line: str


class Tally(Generic[C]):
    """Violations and undecided keys so far. `how_to_decide` is the advice for a key on which the search gave up."""

    def __init__(self, limits: Limits, *, how_to_decide: str) -> None:
        self.limits = limits
        self.how_to_decide = how_to_decide
        self.violations: list[Violation] = []
        self.violating = 0
        self.proven = 0
        self.undecided: list[Undecided] = []
        self.keys = 0
        self.steps = 0
        self.configurations = 0

    def judge(
        self,
        key: str | None,
        calls: Sequence[Call[C]],
        *,
        initial: Hashable,
        step: Callable[[Hashable, C], tuple[bool, Hashable]],
        prove: Callable[[Sequence[Call[C]], Limits], Proof[C]],
        told: Callable[[Call[C]], str],
    ) -> Answer:
        """Search one key; a violation is proven for the first few."""
        self.keys += 1
        if len(calls) > MOST_SEARCHED:
            self._give_up(key, f"{len(calls)} operations are too many to search")
            return "undecided"
        if self.limits.clock.now_ns() > self.limits.until_ns:
            self._give_up(key, f"there was no time left for its {len(calls)} operations")
            return "undecided"
        found = search(calls, initial=initial, step=step, limits=self.limits)
        self.steps += found.steps
        self.configurations += found.configurations
        if found.answer == "undecided":
            self._give_up(key, _explored(found, calls))
        if found.answer == "violated":
            self.violating += 1
            self.proven += 1
            if self.proven <= _PROVEN_KEYS:
                clock = self.limits.clock
                limits = Limits.of(
                    steps=_PROOF_STEPS, memory_bytes=self.limits.memory_bytes, seconds=_PROOF_SECONDS, clock=clock
                )
                self.violations.append(_violation(key, prove(calls, limits), told))
        return found.answer

    def accuse(self, violation: Violation) -> None:
        """A key whose violation is plain without a search."""
        self.keys += 1
        self.violating += 1
        if len(self.violations) < MOST:
            self.violations.append(violation)

    def _give_up(self, key: str | None, why: str) -> None:
        self.undecided.append(Undecided(key=key, line=f"{shown_key(key)}: {why}; {self.how_to_decide}"))

    @property
    def figures(self) -> dict[str, Json]:
        """Of the search."""
        return {"keys_searched": self.keys, "steps": self.steps, "configurations": self.configurations}


def checked_limits(*, max_steps: int, max_seconds: float, max_memory_bytes: int) -> None:
    """Refuse limits that leave nothing to search with."""
    for name, value in (("max_steps", max_steps), ("max_seconds", max_seconds), ("max_memory_bytes", max_memory_bytes)):
        if not value > 0:
            raise UsageError(f"{name}={value!r}", remedy="use more than 0")


def finding_of(
    claim: str,
    *,
    violations: Iterable[Violation],
    violating: int,
    undecided: Sequence[Undecided],
    keys: int,
    vacuous: str,
    valid: str,
    figures: Mapping[str, Json],
) -> Finding:
    """The finding on all keys: of the violations the one with the smallest proof is told first.

    `vacuous` says why there was nothing to judge, if so; `valid` what is linearizable, if all of it is.
    """
    told = sorted(violations, key=lambda violation: len(violation.proof))
    figures = {**figures, "keys": keys, "violating_keys": violating, "undecided_keys": len(undecided)}
    lines = tuple(violation.line for violation in told[1:MOST]) + tuple(key.line for key in undecided[:MOST])
    proof: tuple[int, ...] = ()
    if told:
        verdict, proof = Verdict.INVALID, told[0].proof[-MOST:]
        summary = f"{violating} of {keys} keys not linearizable: {told[0].line}"
    elif undecided:
        verdict = Verdict.UNKNOWN
        summary = f"{len(undecided)} of {keys} keys could not be judged: {undecided[0].line}"
    elif vacuous:
        verdict, summary = Verdict.UNKNOWN, vacuous
    else:
        verdict, summary = Verdict.VALID, valid
    return Finding(claim=claim, verdict=verdict, summary=summary, proof=proof, figures=figures, lines=lines)


def shown(value: object) -> str:
    """A value as a summary shows it, cut short."""
    text = as_json_has_it(value)
    return text if len(text) <= 40 else f"{text[:36]}…{text[-1]}"


def shown_key(key: str | None) -> str:
    """A key as a summary shows it."""
    return "the register without a key" if key is None else f"key {shown(key)}"


def _explored(found: Searched, calls: Sequence[Call[C]]) -> str:
    required = sum(call.required for call in calls)
    return (
        f"the search of its {len(calls)} operations ended {found.why} ({found.configurations} configurations; "
        f"{found.placed} of {required} acknowledged operations in order)"
    )


def _violation(key: str | None, proof: Proof[C], told: Callable[[Call[C]], str]) -> Violation:
    ids = tuple(call.id for call in proof.calls)
    last = f"operation {proof.last.id} ({told(proof.last)})"
    if len(ids) > MOST:
        why = f"no order explains {last}; the smallest conflict found has {len(ids)} operations, these are its last"
    elif proof.from_any:
        why = f"no order of {len(ids)} operations explains {last}, whatever was there before"
    else:
        why = f"no order of {len(ids)} operations explains {last}"
    return Violation(key=key, proof=ids, why=why)
