"""What the checks of registers say, refuse, and leave undecided; verdicts themselves are in the corpus."""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers import linearizable_findings
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import MalformedHistoryError, UsageError
from pytest_arbredis.testing.builder import HistoryBuilder

REGISTER = checks.linearizable_register()
CAS_REGISTER = checks.linearizable_cas_register()


def test_a_valid_history_says_what_was_judged():
    h = HistoryBuilder()
    h.write("x", "a", at=(0, 1))
    h.read("x", "a", at=(2, 3))
    h.read("y", None, at=(4, 5))
    h.increment("n", 1, at=(6, 7))
    finding = REGISTER(h.build())
    assert finding.verdict is Verdict.VALID
    assert finding.summary == "2 reads and 1 writes of 2 keys are linearizable"
    assert finding.figures["ignored"] == 1


@pytest.mark.parametrize(
    ("last", "why"),
    [
        ("a", "operation 2 read 'a' after 'b' had taken its place"),
        (None, "operation 2 read null after 'a' had taken its place"),
        ("z", "operation 2 read 'z', which nobody wrote"),
    ],
)
def test_a_summary_says_what_was_read_and_why_it_cannot_be(last, why):
    h = HistoryBuilder()
    h.write("x", "a", at=(0, 1))
    h.write("x", "b", at=(2, 3))
    h.read("x", last, at=(4, 5))
    assert REGISTER(h.build()).summary == f"1 of 1 keys not linearizable: key 'x': {why}"


def test_a_read_of_a_failed_write_names_that_write():
    h = HistoryBuilder()
    h.write("x", "a", at=(0, 1), outcome="fail")
    h.read("x", "a", at=(2, 3))
    summary = REGISTER(h.build()).summary
    assert summary.endswith("operation 1 read 'a', which only operation 0 wrote, and that failed")


def test_the_smallest_proof_of_several_keys_is_told_and_the_others_are_listed():
    h = HistoryBuilder()
    for key in ("x", "y"):
        h.write(key, "a", at=(0, 1))
        h.write(key, "b", at=(2, 3))
        h.read(key, "a", at=(4, 5))
    h.read("z", "from nowhere", at=(6, 7))
    finding = REGISTER(h.build())
    assert finding.proof == (6,)
    assert finding.figures["violating_keys"] == 3
    assert len(finding.lines) == 2


def test_a_violation_of_the_search_names_the_operation_that_does_not_fit():
    h = HistoryBuilder()
    h.write("x", 1, at=(0, 1))
    h.op("cas", "x", input=[1, 2], at=(2, 3))
    h.op("cas", "x", input=[1, 3], at=(4, 5))
    finding = CAS_REGISTER(h.build())
    assert finding.summary.endswith("key 'x': no order of 3 operations explains operation 2 (cas 1 → 3)")
    assert finding.proof == (0, 1, 2)


def contended() -> HistoryBuilder:
    """Forty concurrent writes of twenty values, and reads that fit in no order, though it takes long to see."""
    h = HistoryBuilder()
    for number in range(40):
        h.write("x", number % 20, at=(0, 100), process=number)
    h.read("x", 1, at=(101, 102))
    h.read("x", 2, at=(103, 104))
    return h


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        ({"max_steps": 500}, "after 5"),
        ({"max_memory_bytes": 10_000}, "0.0 MiB of memory"),
        ({"max_seconds": 1e-9}, "no time left"),
    ],
)
def test_a_search_beyond_its_limits_is_unknown_and_says_what_it_explored(limit, why):
    finding = checks.linearizable_cas_register(**limit)(contended().build())
    assert finding.verdict is Verdict.UNKNOWN
    assert why in finding.summary
    assert "raise max_steps" in finding.summary
    assert finding.figures["undecided_keys"] == 1


def test_a_violated_key_outweighs_an_undecided_one():
    h = contended()
    stale = h.read("y", "from nowhere", at=(0, 1))
    finding = checks.linearizable_cas_register(max_steps=100)(h.build())
    assert finding.verdict is Verdict.INVALID
    assert finding.proof == (stale,)
    assert "key 'x'" in finding.lines[-1]


def test_a_key_of_too_many_repeated_values_is_unknown_at_once(monkeypatch):
    monkeypatch.setattr(linearizable_findings, "MOST_SEARCHED", 100)
    h = HistoryBuilder()
    for number in range(51):
        h.write("x", number % 2, at=(2 * number, 2 * number + 1))
        h.read("x", number % 2, at=(2 * number + 1, 2 * number + 2), process=1)
    finding = REGISTER(h.build())
    assert finding.verdict is Verdict.UNKNOWN
    assert "102 operations are too many to search; write every value of a key once" in finding.summary


@pytest.mark.parametrize(
    ("name", "input", "output"),
    [
        ("write", None, None),
        ("cas", None, None),
        ("cas", [1], None),
        ("cas", "ab", None),
        ("cas", [1, None], None),
        ("cas", [1, 2], False),
    ],
)
def test_an_operation_that_no_register_has_is_refused_by_its_id(name, input, output):
    h = HistoryBuilder()
    h.write("x", 1, at=(0, 1))
    h.op(name, "x", input=input, output=output, at=(2, 3))
    with pytest.raises(MalformedHistoryError, match="operation 1 is a"):
        CAS_REGISTER(h.build())


@pytest.mark.parametrize("limit", ["max_steps", "max_seconds", "max_memory_bytes"])
@pytest.mark.parametrize("factory", [checks.linearizable_register, checks.linearizable_cas_register])
def test_a_limit_of_nothing_is_refused_at_definition(factory, limit):
    with pytest.raises(UsageError, match=limit):
        factory(**{limit: 0})


def test_many_unknown_writes_do_not_slow_a_search_down():
    """Those that nobody can have seen are left out, and of equal ones one is tried."""
    h = HistoryBuilder()
    for number in range(300):
        h.write("x", f"lost {number}", at=(0, None), outcome="unknown", process=1000 + number)
        h.write("x", "again", at=(0, None), outcome="unknown", process=2000 + number)
        h.write("x", "a", at=(4 * number, 4 * number + 1))
        h.read("x", "a", at=(4 * number + 2, 4 * number + 3))
    h.read("x", "again", at=(2000, 2001))
    finding = REGISTER(h.build())
    assert finding.verdict is Verdict.VALID
    assert finding.figures["steps"] < 10_000
