"""Histories of a thousand operations and more: right by construction, and changed."""

from __future__ import annotations

from random import Random

import pytest
from registers_at_random import made, mutated
from registers_by_force import CAS_REGISTER, REGISTER, only, searched

from pytest_arbredis.checkers.verdict import Verdict


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("clients", [3, 12])
def test_what_a_register_did_is_valid_for_both_algorithms(seed, clients):
    history = made(Random(seed), operations=2000, clients=clients)
    finding = REGISTER(history)
    assert finding.verdict is Verdict.VALID, finding.summary
    assert finding.figures["keys_searched"] == 0
    assert searched(history, with_cas=False)


def test_ten_thousand_operations_are_valid_for_both_algorithms():
    history = made(Random(7), operations=10_000, keys=20)
    assert REGISTER(history).verdict is Verdict.VALID
    assert searched(history, with_cas=False)


@pytest.mark.parametrize("values", [0, 4])
@pytest.mark.parametrize("seed", range(3))
def test_what_a_cas_register_did_is_valid(seed, values):
    history = made(Random(seed), operations=2000, cas=True, values=values)
    finding = CAS_REGISTER(history)
    assert finding.verdict is Verdict.VALID, finding.summary
    assert finding.figures["keys_searched"] == 5


def test_both_algorithms_agree_on_changed_histories_and_most_changes_show():
    """A dropped write that nobody read, for example, does not show."""
    random, invalid, tries = Random(1), 0, 30
    for seed in range(tries):
        history = mutated(random, made(Random(seed), operations=400, keys=2))
        finding = REGISTER(history)
        assert (finding.verdict is Verdict.VALID) == searched(history, with_cas=False)
        if finding.verdict is Verdict.INVALID:
            invalid += 1
            assert len(finding.proof) <= 6
            assert not searched(only(history, finding.proof), with_cas=False)
    assert invalid > tries // 4


def test_a_changed_cas_history_is_proven_by_a_few_operations():
    random, sizes = Random(2), []
    for seed in range(12):
        history = mutated(random, made(Random(seed), operations=200, keys=1, cas=True))
        finding = CAS_REGISTER(history)
        assert (finding.verdict is Verdict.VALID) == searched(history, with_cas=True)
        if finding.verdict is Verdict.INVALID:
            sizes.append(len(finding.proof))
            assert not searched(only(history, finding.proof), with_cas=True)
    assert len(sizes) > 2
    assert max(sizes) <= 6
