"""Operations on registers as what their check computes on: reads and writes in columns, calls of one key for a search.

Failed operations did not take effect, and reads count only if they succeeded (those of the final phase too). A write
with an unknown outcome may take effect at any time after its invocation, or never. One that was applied, but not
confirmed as asked (`confirmed`), got its reply: it took effect before it completed, as a successful one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pytest_arbredis.checkers.search import Call
from pytest_arbredis.checkers.zones import Accesses
from pytest_arbredis.errors import MalformedHistoryError
from pytest_arbredis.history.columns import FAIL, NEVER, OK, Columns
from pytest_arbredis.history.interning import identity_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pytest_arbredis.history.records import Json

_REMEDY: Final = "mend that operation; docs/history.md says what the operations of the models look like"


class Command(NamedTuple):
    """What a call asks of a register: write `value`, read `value`, or put `value` in the place of `old`."""

    name: Literal["write", "read", "cas"]
    value: Hashable
    old: Hashable = None


def register_step(state: Hashable, command: Command) -> tuple[bool, Hashable]:
    """The sequential specification of a register; null before the first write."""
    name, value, old = command
    if name == "write":
        return True, value
    if name == "read":
        return state == value, state
    return state == old, value


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Registers:
    """The operations of a register model in a history.

    `writes` that were or may have been applied, successful `reads`, and positions of `cas` that were or may have been
    applied. `failed` are positions of writes and cas that certainly were not; `ignored` counts operations of other
    names, `named` those of the model's.
    """

    columns: Columns
    writes: Accesses
    reads: Accesses
    cas: NDArray[np.int64]
    failed: NDArray[np.int64]
    named: int
    ignored: int

    def of_keys(self, keys: Iterable[int], *, inside: bool) -> Registers:
        """The same without some keys, or with only these."""
        import numpy as np

        chosen = np.full(len(self.columns.keys) + 1, not inside, dtype=np.bool_)
        chosen[np.fromiter(keys, dtype=np.int64)] = inside
        if chosen.all():
            return self
        return Registers(
            columns=self.columns,
            writes=self.writes.where(chosen[self.writes.key]),
            reads=self.reads.where(chosen[self.reads.key]),
            cas=self.cas[chosen[self.columns.key[self.cas]]],
            failed=self.failed,
            named=self.named,
            ignored=self.ignored,
        )


def registers_of(columns: Columns, *, with_cas: bool) -> Registers:
    """The operations of the model. Raises `MalformedHistoryError` for one that the model cannot have."""
    import numpy as np

    def called(name: str) -> NDArray[np.bool_]:
        number = columns.names.index(name) if name in columns.names else -1
        found: NDArray[np.bool_] = columns.name == number
        return found

    certain = (columns.outcome == OK) | (columns.confirmed >= 0)
    effective = certain | (columns.outcome != FAIL)
    is_write, is_read = called("write"), called("read")
    is_cas = called("cas") if with_cas else np.zeros(len(columns), dtype=np.bool_)
    nulls = np.flatnonzero(is_write & (columns.input < 0) & columns.sent)
    if len(nulls):
        raise _malformed(columns, nulls[0], "is a write of null: a register is null only before its first write")
    cas = np.flatnonzero(is_cas & columns.sent)
    for position in cas.tolist():
        _pair(columns, position)
    named = int(np.count_nonzero(is_write | is_read | is_cas))
    return Registers(
        columns=columns,
        writes=_accesses(columns, np.flatnonzero(is_write & effective), columns.input, certain),
        reads=_accesses(columns, np.flatnonzero(is_read & (columns.outcome == OK)), columns.output, certain),
        cas=cas[effective[cas]],
        failed=np.flatnonzero((is_write | is_cas) & ~effective & columns.sent),
        named=named,
        ignored=len(columns) - named,
    )


def calls_by_key(registers: Registers) -> Iterator[tuple[int, list[Call[Command]]]]:
    """The calls of each key, by its number."""
    import numpy as np

    columns, values = registers.columns, _Values(registers.columns)
    writes, reads, cas = registers.writes, registers.reads, registers.cas
    positions = np.concatenate((writes.op, reads.op, cas))
    kinds = np.repeat(np.array([0, 1, 2], dtype=np.int8), (len(writes.op), len(reads.op), len(cas)))
    order = np.argsort(columns.key[positions], kind="stable")
    positions, kinds = positions[order], kinds[order]
    keys = columns.key[positions]
    borders = [0, *(np.flatnonzero(keys[1:] != keys[:-1]) + 1).tolist(), len(keys)]
    for begin, end in pairwise(borders):
        pairs = zip(positions[begin:end].tolist(), kinds[begin:end].tolist(), strict=True)
        if begin < end:
            yield int(keys[begin]), [_call(columns, values, position, kind) for position, kind in pairs]


def relevant(calls: Sequence[Call[Command]]) -> list[Call[Command]]:
    """Without the calls of unknown outcome whose value nobody could have seen: they may as well never have happened."""
    kept = list(calls)
    while True:
        seen = {command.value for command in (call.command for call in kept) if command.name == "read"}
        seen |= {call.command.old for call in kept if call.command.name == "cas"}
        fewer = [call for call in kept if call.required or call.command.value in seen]
        if len(fewer) == len(kept):
            return kept
        kept = fewer


class _Values:
    """Values for comparing: the number where the history has one, so that True is not 1."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._identities: dict[int, Hashable] = {}

    def at(self, number: int) -> Hashable:
        if number < 0:
            return None
        if number not in self._identities:
            self._identities[number] = identity_of(self._columns.values[number])
        return self._identities[number]


def _call(columns: Columns, values: _Values, position: int, kind: int) -> Call[Command]:
    if kind == 0:
        command = Command("write", values.at(int(columns.input[position])))
    elif kind == 1:
        command = Command("read", values.at(int(columns.output[position])))
    else:
        old, new = _pair(columns, position)
        command = Command("cas", identity_of(new), identity_of(old))
    end = int(columns.completed_ns[position])
    required = end != NEVER and bool(columns.outcome[position] == OK or columns.confirmed[position] >= 0)
    start = int(columns.invoked_ns[position])
    return Call(int(columns.id[position]), command, start, end if required else NEVER, required, kind == 1)


def _pair(columns: Columns, position: int) -> tuple[Json, Json]:
    """What a cas compares with, and what it puts in place."""
    number = int(columns.input[position])
    pair = columns.values[number] if number >= 0 else None
    if not isinstance(pair, list) or len(pair) != 2:
        raise _malformed(columns, position, f"is a cas with the input {pair!r}: it must be [old, new]")
    if pair[1] is None:
        raise _malformed(columns, position, "is a cas that would write null: a register is null only at its start")
    output = int(columns.output[position])
    if output >= 0 and columns.values[output] is False and columns.outcome[position] == OK:
        raise _malformed(columns, position, "is a cas that succeeded with the output false: one that did nothing fails")
    return pair[0], pair[1]


def _malformed(columns: Columns, position: int, what: str) -> MalformedHistoryError:
    return MalformedHistoryError(f"operation {int(columns.id[position])} {what}", remedy=_REMEDY)


def _accesses(
    columns: Columns, op: NDArray[np.int64], value: NDArray[np.int32], certain: NDArray[np.bool_]
) -> Accesses:
    import numpy as np

    return Accesses(
        op=op,
        key=columns.key[op],
        value=value[op],
        start=columns.invoked_ns[op],
        end=np.where(certain[op], columns.completed_ns[op], NEVER),
    )
