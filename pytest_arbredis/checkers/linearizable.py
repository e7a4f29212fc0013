"""Linearizability of registers: every read gives the value that one order of all operations, in real time, explains.

Keys on which every value that was read was written once, without cas, are judged together by zones (`zones.py`); the
others one by one by a search (`search.py`), which may end undecided. What counts as taken effect, and when, is told in
`linearizable_calls.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.linearizable_calls import (
    Command,
    Registers,
    calls_by_key,
    register_step,
    registers_of,
    relevant,
)
from pytest_arbredis.checkers.linearizable_findings import (
    MAX_MEMORY_BYTES,
    MAX_SECONDS,
    MAX_STEPS,
    Tally,
    Violation,
    checked_limits,
    finding_of,
    shown,
)
from pytest_arbredis.checkers.linearizable_origins import Unfounded, failed_writer, seen_by, unfounded
from pytest_arbredis.checkers.linearizable_proof import prove_register
from pytest_arbredis.checkers.search import Call, Limits
from pytest_arbredis.checkers.zone_proof import ZoneProof, prove
from pytest_arbredis.checkers.zones import Zones, ambiguous_keys, find_conflicts
from pytest_arbredis.history.columns import OK, Columns, columns_of
from pytest_arbredis.history.interning import identity_of, value_of

if TYPE_CHECKING:
    from pytest_arbredis.checkers.verdict import Finding
    from pytest_arbredis.history.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterIsLinearizable:
    """Operations write (a value, never null) and read of every key are linearizable; null before the first write.

    Unknown if there is no successful read, or if values that were read were written more than once and the search ends
    at a limit: `max_steps` and `max_memory_bytes` for a key, `max_seconds` for all. Operations of other names are left
    out, and counted.
    """

    max_steps: int = MAX_STEPS
    max_seconds: float = MAX_SECONDS
    max_memory_bytes: int = MAX_MEMORY_BYTES

    def __post_init__(self) -> None:
        """Refuse limits that leave nothing to search with."""
        checked_limits(max_steps=self.max_steps, max_seconds=self.max_seconds, max_memory_bytes=self.max_memory_bytes)

    @property
    def claim(self) -> str:
        """`register_is_linearizable`."""
        return "register_is_linearizable"

    def __call__(self, history: History) -> Finding:
        """Judge one history. Raises `MalformedHistoryError` for a write of null."""
        return self.of_columns(columns_of(history))

    def of_columns(self, columns: Columns) -> Finding:
        """Judge the operations of a history."""
        limits = Limits.of(steps=self.max_steps, memory_bytes=self.max_memory_bytes, seconds=self.max_seconds)
        how = "write every value of a key once, or raise max_steps, max_seconds or max_memory_bytes"
        return _judged(self.claim, registers_of(columns, with_cas=False), Tally(limits, how_to_decide=how))


@dataclass(frozen=True, slots=True, kw_only=True)
class CasRegisterIsLinearizable:
    """Operations write, read and cas (`[old, new]`) of every key are linearizable; null before the first write.

    A successful cas found `old` and put `new` in its place; a failed one did not take effect, and says nothing about
    the value. Unknown as for `linearizable_register`; keys with a cas are always searched.
    """

    max_steps: int = MAX_STEPS
    max_seconds: float = MAX_SECONDS
    max_memory_bytes: int = MAX_MEMORY_BYTES

    def __post_init__(self) -> None:
        """Refuse limits that leave nothing to search with."""
        checked_limits(max_steps=self.max_steps, max_seconds=self.max_seconds, max_memory_bytes=self.max_memory_bytes)

    @property
    def claim(self) -> str:
        """`cas_register_is_linearizable`."""
        return "cas_register_is_linearizable"

    def __call__(self, history: History) -> Finding:
        """Judge one history. Raises `MalformedHistoryError` for a write of null, and for a cas without a pair."""
        return self.of_columns(columns_of(history))

    def of_columns(self, columns: Columns) -> Finding:
        """Judge the operations of a history."""
        limits = Limits.of(steps=self.max_steps, memory_bytes=self.max_memory_bytes, seconds=self.max_seconds)
        how = "use more keys with fewer operations each, or raise max_steps, max_seconds or max_memory_bytes"
        return _judged(self.claim, registers_of(columns, with_cas=True), Tally(limits, how_to_decide=how))


def linearizable_register(
    *, max_steps: int = MAX_STEPS, max_seconds: float = MAX_SECONDS, max_memory_bytes: int = MAX_MEMORY_BYTES
) -> RegisterIsLinearizable:
    """Operations write and read of every key are linearizable."""
    return RegisterIsLinearizable(max_steps=max_steps, max_seconds=max_seconds, max_memory_bytes=max_memory_bytes)


def linearizable_cas_register(
    *, max_steps: int = MAX_STEPS, max_seconds: float = MAX_SECONDS, max_memory_bytes: int = MAX_MEMORY_BYTES
) -> CasRegisterIsLinearizable:
    """Operations write, read and cas of every key are linearizable."""
    return CasRegisterIsLinearizable(max_steps=max_steps, max_seconds=max_seconds, max_memory_bytes=max_memory_bytes)


def _judged(claim: str, registers: Registers, tally: Tally[Command]) -> Finding:
    import numpy as np

    columns = registers.columns
    count = {"keys": len(columns.keys), "values": len(columns.values)}
    with_cas = set(np.unique(columns.key[registers.cas]).tolist())
    rest = registers.of_keys(with_cas, inside=False)
    searched = with_cas | set(ambiguous_keys(rest.writes, rest.reads, **count).tolist())
    rest = registers.of_keys(searched, inside=False)
    zones = find_conflicts(rest.writes, rest.reads, **count)
    violations = _proven(rest, zones)
    if searched:
        _search(registers.of_keys(searched, inside=True), tally)
    positions = np.concatenate((registers.writes.op, registers.reads.op, registers.cas))
    keys = int(np.count_nonzero(np.bincount(columns.key[positions] + 1))) if len(positions) else 0
    applied = int(np.count_nonzero((columns.outcome[registers.cas] == OK) | (columns.confirmed[registers.cas] >= 0)))
    writes, reads = len(registers.writes.op), len(registers.reads.op)
    told = f"{reads} reads, {writes} writes and {applied} cas" if with_cas else f"{reads} reads and {writes} writes"
    vacuous = ""
    if not reads and not applied:
        vacuous = f"no successful read to judge among {registers.named} operations"
    return finding_of(
        claim,
        violations=[*violations, *tally.violations],
        violating=len(zones.keys) + tally.violating,
        undecided=tally.undecided,
        keys=keys,
        vacuous=vacuous,
        valid=f"{told} of {keys} {'key' if keys == 1 else 'keys'} are linearizable",
        figures={
            "reads": reads,
            "writes": writes,
            "cas": len(registers.cas),
            "ignored": registers.ignored,
            **{f"reads_{kind}" if kind != "interleaved" else "interleaved": n for kind, n in zones.counts.items()},
            **tally.figures,
        },
    )


def _search(registers: Registers, tally: Tally[Command]) -> None:
    for number, calls in calls_by_key(registers):
        key = None if number < 0 else registers.columns.keys[number]
        plain = unfounded(calls)
        if plain is not None:
            tally.accuse(_unfounded(registers, number, plain))
        else:
            tally.judge(key, relevant(calls), initial=None, step=register_step, prove=prove_register, told=_told_call)


def _unfounded(registers: Registers, number: int, plain: Unfounded) -> Violation:
    columns, call, writer = registers.columns, plain.call, plain.writer
    told = f"operation {call.id} ({_told_call(call)})"
    proof = [call.id]
    if writer is not None:
        why = f"{told} saw its value before operation {writer.id}, which wrote it, was invoked"
        proof.append(writer.id)
    else:
        position = failed_writer(registers, number, seen_by(call.command))
        why = f"{told} saw a value which nobody wrote"
        if position is not None:
            failed = int(columns.id[position])
            why = f"{told} saw a value which only operation {failed} wrote, and that failed"
            proof.insert(0, failed)
    return Violation(key=None if number < 0 else columns.keys[number], proof=tuple(proof), why=why)


def _told_call(call: Call[Command]) -> str:
    name, value, old = call.command
    told = shown(value_of(value))
    return f"cas {shown(value_of(old))} → {told}" if name == "cas" else f"{name} {told}"


def _proven(registers: Registers, zones: Zones) -> list[Violation]:
    proofs = [prove(conflict, zones, registers.writes, registers.reads) for conflict in zones.conflicts]
    proofs.sort(key=lambda proof: (proof.size, int(registers.reads.start[proof.late])))
    found: dict[int, Violation] = {}
    for proof in proofs:
        key = int(registers.reads.key[proof.late])
        if key not in found:
            found[key] = _violation(registers, proof)
    return list(found.values())


def _violation(registers: Registers, proof: ZoneProof) -> Violation:
    columns, writes, reads = registers.columns, registers.writes, registers.reads
    failed: int | None = None
    if proof.conflict.kind == "unwritten":
        value = identity_of(columns.values[int(reads.value[proof.late])])
        failed = failed_writer(registers, int(reads.key[proof.late]), value)
    positions = {
        *([] if failed is None else [failed]),
        *writes.op[list(proof.writes)].tolist(),
        *reads.op[list(proof.reads)].tolist(),
    }
    late, number = int(reads.op[proof.late]), int(reads.key[proof.late])
    read = f"operation {int(columns.id[late])} read {_value(columns, int(reads.value[proof.late]))}"
    if failed is not None:
        why = f"{read}, which only operation {int(columns.id[failed])} wrote, and that failed"
    elif proof.conflict.kind == "unwritten":
        why = f"{read}, which nobody wrote"
    elif proof.conflict.kind == "future":
        write = int(columns.id[writes.op[proof.writes[0]]])
        why = f"{read} before operation {write}, which wrote it, was invoked"
    else:
        instead = _value(columns, int(writes.value[proof.instead]))
        why = f"{read} after {instead} had taken its place"
    return Violation(
        key=None if number < 0 else columns.keys[number],
        proof=tuple(columns.id[sorted(positions)].tolist()),
        why=why,
    )


def _value(columns: Columns, number: int) -> str:
    return shown(None if number < 0 else columns.values[number])
