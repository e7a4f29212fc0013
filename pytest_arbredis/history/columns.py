"""The operations of a history as columns of numpy: what a check of millions of operations computes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_arbredis.history.interning import Interned, InternedJson
from pytest_arbredis.history.records import NOT_SENT, Op

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import numpy as np
    from numpy.typing import NDArray

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Outcome

OK: Final = 0
FAIL: Final = 1
UNKNOWN: Final = 2
OUTCOMES: Final[tuple[Outcome, ...]] = ("ok", "fail", "unknown")
"""The outcomes by their number in `Columns.outcome`."""

NEVER: Final = 2**63 - 1
"""The time of what has not happened, later than every other: `completed_ns` of an operation in flight."""

_NUMBER_OF: Final = {outcome: number for number, outcome in enumerate(OUTCOMES)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """One entry an operation in every array, in the order of `History.ops`: by invocation, then by id.

    `name` counts into `names`; `key` into `keys`, `input` and `output` into `values`, where -1 is null. Equal JSON
    values share a number: 1 is 1.0, but True is not 1 and "1" is not 1. Bytes that are UTF-8 are that text.
    `outcome` is `OK`, `FAIL` or `UNKNOWN`; times are nanoseconds, `completed_ns` is `NEVER` while in flight;
    `confirmed` is -1 where no replicas were asked. `final` marks reads of the final phase; what is not `sent` was only
    planned.
    """

    id: NDArray[np.int64]
    process: NDArray[np.int64]
    name: NDArray[np.int32]
    key: NDArray[np.int32]
    outcome: NDArray[np.int8]
    invoked_ns: NDArray[np.int64]
    completed_ns: NDArray[np.int64]
    input: NDArray[np.int32]
    output: NDArray[np.int32]
    final: NDArray[np.bool_]
    sent: NDArray[np.bool_]
    confirmed: NDArray[np.int32]
    names: tuple[str, ...]
    keys: tuple[str, ...]
    values: tuple[Json, ...]

    def __len__(self) -> int:
        """The number of operations."""
        return len(self.id)

    def named(self, *names: str) -> NDArray[np.bool_]:
        """Which operations have one of these names; reads of the final phase are not among them."""
        import numpy as np

        wanted = np.array([name in names for name in self.names], dtype=np.bool_)
        found: NDArray[np.bool_] = wanted[self.name] if len(self.names) else np.zeros(0, dtype=np.bool_)
        return found & ~self.final

    def outcome_counts(self) -> dict[str, int]:
        """Operations of the load by outcome; final reads are not counted."""
        import numpy as np

        counts = np.bincount(self.outcome[~self.final], minlength=len(OUTCOMES))
        return {outcome: int(counts[number]) for number, outcome in enumerate(OUTCOMES)}

    def ops(self, ids: Collection[int]) -> tuple[Op, ...]:
        """The operations with these ids as records: what columns keep of them, in the order of the columns."""
        import numpy as np

        return tuple(self._op(int(at)) for at in np.flatnonzero(np.isin(self.id, list(ids))))

    def _op(self, at: int) -> Op:
        def number(column: NDArray[np.int32]) -> int | None:
            return None if column[at] < 0 else int(column[at])

        key, value, output = number(self.key), number(self.input), number(self.output)
        return Op(
            id=int(self.id[at]),
            process=int(self.process[at]),
            name=self.names[self.name[at]],
            key=None if key is None else self.keys[key],
            input=None if value is None else self.values[value],
            output=None if output is None else self.values[output],
            outcome=OUTCOMES[self.outcome[at]],
            invoked_ns=int(self.invoked_ns[at]),
            completed_ns=None if self.completed_ns[at] == NEVER else int(self.completed_ns[at]),
            confirmed=number(self.confirmed),
            error=None if self.sent[at] else NOT_SENT,
            meta={"final": True} if self.final[at] else {},
        )


def columns_of(history: History) -> Columns:
    """The operations of `history` as columns, in its order: entry i is `history.ops[i]`."""
    import numpy as np

    ops = history.ops
    names, keys, values = Interned(), Interned(), InternedJson(exact=True)

    def integers(of: Callable[[Op], int]) -> NDArray[np.int64]:
        return np.fromiter(map(of, ops), dtype=np.int64, count=len(ops))

    def numbers(of: Callable[[Op], int]) -> NDArray[np.int32]:
        return np.fromiter(map(of, ops), dtype=np.int32, count=len(ops))

    def flags(of: Callable[[Op], bool]) -> NDArray[np.bool_]:
        return np.fromiter(map(of, ops), dtype=np.bool_, count=len(ops))

    return Columns(
        id=integers(lambda op: op.id),
        process=integers(lambda op: op.process),
        name=numbers(lambda op: names.number(op.name)),
        key=numbers(lambda op: -1 if op.key is None else keys.number(op.key)),
        outcome=np.fromiter((_NUMBER_OF[op.outcome] for op in ops), dtype=np.int8, count=len(ops)),
        invoked_ns=integers(lambda op: op.invoked_ns),
        completed_ns=integers(lambda op: NEVER if op.completed_ns is None else op.completed_ns),
        input=numbers(lambda op: values.number(op.input)),
        output=numbers(lambda op: values.number(op.output)),
        final=flags(lambda op: op.is_final),
        sent=flags(lambda op: op.sent),
        confirmed=numbers(lambda op: -1 if op.confirmed is None else op.confirmed),
        names=tuple(names),
        keys=tuple(keys),
        values=tuple(values.values),
    )
