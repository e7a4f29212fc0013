"""What breaks a model, and the finding about all of it: shared by the counter, the set, the queue and the log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import MalformedHistoryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_arbredis.history.records import Json, Op

MOST: Final = 10
"""Operations in a proof, and violations told one by one."""

_LONGEST: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One way in which the history breaks the model: its kind in two or three words, a sentence, the operations."""

    kind: str
    what: str
    ops: tuple[Op, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a check of a model looked at, and found.

    `count` operations of `noun` ("reads") of `keys` objects were judged; `acknowledged` changes were certainly applied;
    `ignored` operations have names that the model does not have. `undecided` says why a key could not be judged.
    """

    claim: str
    noun: str
    count: int
    keys: int
    acknowledged: int
    ignored: int
    violations: Sequence[Violation]
    undecided: Sequence[str] = ()
    figures: Mapping[str, Json] | None = None

    def finding(self) -> Finding:
        """Invalid with the violation whose proof is smallest; unknown if nothing, or not all, could be judged."""
        where = f"{self.count} {self.noun} of {self.keys} {'key' if self.keys == 1 else 'keys'}"
        kinds = Counter(violation.kind for violation in self.violations)
        figures: dict[str, Json] = {
            "judged": self.count,
            "keys": self.keys,
            "acknowledged": self.acknowledged,
            "ignored": self.ignored,
            "violations": len(self.violations),
            **(self.figures or {}),
        }
        if self.violations:
            clearest = min(self.violations, key=lambda violation: len(violation.ops))
            told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
            return Finding(
                claim=self.claim,
                verdict=Verdict.INVALID,
                summary=f"{told}, in {where}: {clearest.what}",
                proof=tuple(op.id for op in _in_order(clearest.ops)[:MOST]),
                figures=figures | {"kinds": dict(kinds)},
                lines=self._lines(clearest),
            )
        if not self.count:
            summary, verdict = f"no successful {self.noun.removesuffix('s')} to judge", Verdict.UNKNOWN
        elif self.undecided:
            summary, verdict = f"{where} contradict nothing, but {self.undecided[0]}", Verdict.UNKNOWN
        else:
            summary, verdict = f"0 violations in {where}", Verdict.VALID
        return Finding(
            claim=self.claim, verdict=verdict, summary=summary, figures=figures, lines=tuple(self.undecided[:MOST])
        )

    def _lines(self, clearest: Violation) -> tuple[str, ...]:
        others = [violation.what for violation in self.violations if violation is not clearest]
        more = len(others) - MOST
        return (*others[:MOST], *([f"and {more} more"] if more > 0 else []))


def malformed(op: Op, what: str, *, remedy: str) -> MalformedHistoryError:
    """An operation that the model does not have, by its id."""
    where = f"operation {op.id}, {op.name}" if op.key is None else f"operation {op.id}, {op.name} of {shown(op.key)}"
    return MalformedHistoryError(f"{where}: {what}", remedy=remedy)


def shown(value: Json) -> str:
    """A value in a sentence, cut short."""
    text = as_json_has_it(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def as_json_has_it(value: object) -> str:
    """A value as text: null, true and false as in the file, all else as Python shows it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_json_has_it, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name!r}: {as_json_has_it(item)}' for name, item in value.items())}}}"
    return repr(value)


def apart(earlier_ns: int, later_ns: int) -> str:
    """A duration in milliseconds, for a sentence."""
    return f"{(later_ns - earlier_ns) / NS_PER_MS:.3g} ms"


def _in_order(ops: Iterable[Op]) -> list[Op]:
    return sorted({op.id: op for op in ops}.values(), key=lambda op: (op.invoked_ns, op.id))
