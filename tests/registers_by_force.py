"""Small histories of registers, and their verdict by brute force: every order of every choice of what took effect."""

from __future__ import annotations

from itertools import combinations, permutations

from hypothesis import strategies as st

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.linearizable_calls import calls_by_key, register_step, registers_of
from pytest_arbredis.checkers.search import Limits, search
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.history.columns import columns_of
from pytest_arbredis.history.history import History
from pytest_arbredis.history.records import Header, Op

FAR = float("inf")
REGISTER = checks.linearizable_register()
CAS_REGISTER = checks.linearizable_cas_register()


def is_linearizable(history: History) -> bool:
    keys = {op.key for op in history.ops}
    return all(_one_is([op for op in history.ops if op.key == key]) for key in keys)


def _one_is(ops: list[Op]) -> bool:
    certain = [op for op in ops if op.outcome == "ok" or (op.applied and op.name != "read")]
    certain = [op for op in certain if op.completed_ns is not None]
    perhaps = [op for op in ops if op.outcome != "fail" and op not in certain and op.name != "read"]
    return any(
        _in_real_time(order) and _allowed(order)
        for count in range(len(perhaps) + 1)
        for chosen in combinations(perhaps, count)
        for order in permutations([*certain, *chosen])
    )


def _end(op: Op) -> float:
    return FAR if op.completed_ns is None or not op.applied else op.completed_ns


def _in_real_time(order: tuple[Op, ...]) -> bool:
    """No operation had ended before one began that stands ahead of it."""
    latest_start = -1.0
    for op in order:
        if _end(op) < latest_start:
            return False
        latest_start = max(latest_start, op.invoked_ns)
    return True


def _allowed(order: tuple[Op, ...]) -> bool:
    held = None
    for op in order:
        if op.name == "write":
            held = op.input
        elif op.name == "read":
            if op.output != held:
                return False
        else:
            old, new = op.input
            if held != old:
                return False
            held = new
    return True


OUTCOMES = st.sampled_from(["ok", "ok", "ok", "ok", "unknown", "fail", "confirmed"])
INTERVALS = st.tuples(st.integers(0, 9), st.sampled_from([0, 0, 1, 1, 2, 3, 5, None]))


@st.composite
def histories(draw, *, cas=False, unique=False, most=7, keys=("k",)):
    """Up to `most` operations, each of a process of its own; with `unique` no two writes have the same value."""
    names = ["write", "read", "read", *(["cas"] * 2 if cas else [])]
    ops = []
    for number in range(draw(st.integers(1, most))):
        name = draw(st.sampled_from(names))
        outcome, (start, length) = draw(OUTCOMES), draw(INTERVALS)
        value = number + 1 if unique and name == "write" else draw(st.integers(1, most if unique else 3))
        old = draw(st.sampled_from([None, 1, 1, 2, 2, 3]))
        output = draw(st.sampled_from([None, value, value, value])) if name == "read" else None
        if outcome == "ok" and length is None:
            length = 1
        ops.append(
            Op(
                id=number,
                process=number,
                name=name,
                key=draw(st.sampled_from(keys)),
                input={"write": value, "read": None, "cas": [old, value]}[name],
                output=output,
                outcome="unknown" if outcome == "confirmed" else outcome,
                confirmed=0 if outcome == "confirmed" and name != "read" else None,
                invoked_ns=start,
                completed_ns=None if length is None else start + length,
            )
        )
    return History.of(Header(run="by force"), ops)


def only(history: History, ids) -> History:
    """The same with only these operations."""
    return History.of(history.header, [op for op in history.ops if op.id in set(ids)])


def closed(history, ids):
    """Whether the write of every value that is read is there too."""
    chosen = only(history, ids)
    written = {op.input for op in chosen.ops if op.name == "write" and op.outcome != "fail"}
    return {op.output for op in chosen.ops if op.name == "read" and op.outcome == "ok"} <= {None} | written


def searched(history, *, with_cas):
    """Whether a search alone finds every key linearizable."""
    limits = Limits.of(steps=10**6, memory_bytes=2**28, seconds=60)
    registers = registers_of(columns_of(history), with_cas=with_cas)
    answers = {
        search(calls, initial=None, step=register_step, limits=limits).answer for _, calls in calls_by_key(registers)
    }
    assert "undecided" not in answers
    return "violated" not in answers


def agree(check, history, *, with_cas):
    """The check, the search alone and brute force say the same; what proves a violation violates by itself."""
    finding, truth = check(history), is_linearizable(history)
    assert searched(history, with_cas=with_cas) == truth
    if not truth:
        assert finding.verdict is Verdict.INVALID
        assert finding.proof
        assert not is_linearizable(only(history, finding.proof))
    else:
        observed = [op for op in history.ops if op.outcome == "ok" and op.name == "read"]
        observed += [op for op in history.ops if op.applied and op.name == "cas"]
        assert finding.verdict is (Verdict.VALID if observed else Verdict.UNKNOWN)
    return finding
