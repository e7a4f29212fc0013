"""True histories of a register are valid; with one lie in them the verdict flips, or zones and search agree on it."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from mutations import MUTATIONS, double_an_operation, drop_a_write, mutants

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.linearizable_model import Model
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.history.jsonl import dump, load
from pytest_arbredis.testing.builder import HistoryBuilder


def step(state, op):
    if op.name == "write":
        return True, op.input
    return op.output == state, state


BY_SEARCH = checks.linearizable(
    Model(name="plain", names=frozenset({"write", "read"}), initial=None, step=step, reads=frozenset({"read"}))
)
BY_ZONES = checks.linearizable_register()


def true_history(seed, *, operations=40, processes=4, keys=2):
    """A register as it is: each operation takes effect at one moment of its interval; some writes are never told."""
    chance = Random(seed)
    free_at = dict.fromkeys(range(processes), 0.0)
    planned = []
    for number in range(operations):
        process = min(free_at, key=free_at.get)
        began = free_at[process] + chance.random() * 3
        ended = began + 0.1 + chance.random() * 5
        free_at[process] = ended + 0.01
        planned.append((chance.uniform(began, ended), number, process, began, ended, chance.random()))
    h = HistoryBuilder(seed=seed)
    state = {}
    for _, number, process, began, ended, kind in sorted(planned):
        key = f"k{chance.randrange(keys)}"
        if kind < 0.5:
            unknown = kind < 0.05
            h.write(
                key, f"v{number}", at=(began, ended), process=process + 100 * (number + 1) * unknown,
                outcome="unknown" if unknown else "ok",
            )  # fmt: skip
            state[key] = f"v{number}"
        else:
            h.read(key, state.get(key), at=(began, ended), process=process)
    h.phase("settled", at=9000)
    for at, (key, value) in enumerate(state.items()):
        h.read(key, value, at=9001 + at, final=True)
    return h.build()


SEEDS = range(60)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_true_history_is_valid(seed):
    history = true_history(seed)
    for check in (BY_ZONES, BY_SEARCH, checks.acknowledged_writes_survive(), checks.key_is_never_evicted()):
        assert check(history).verdict is Verdict.VALID, check.claim
    for check in (checks.read_your_writes(), checks.monotonic_reads(), checks.monotonic_writes()):
        assert check(history).verdict is not Verdict.INVALID, check.claim
    assert checks.bounded_staleness(max_ms=0)(history).verdict is not Verdict.INVALID


@pytest.mark.parametrize("seed", SEEDS)
def test_zones_and_search_agree_on_every_mutant(seed):
    for mutant in mutants(true_history(seed), Random(seed)):
        by_zones, by_search = BY_ZONES(mutant.history), BY_SEARCH(mutant.history)
        assert by_zones.verdict is by_search.verdict, (mutant.name, mutant.ids, by_zones.summary)
        assert by_zones.verdict is not Verdict.UNKNOWN


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dropped_write_that_was_read_is_always_seen(seed):
    mutant = drop_a_write(true_history(seed), Random(seed))
    finding = BY_ZONES(mutant.history)
    assert finding.verdict is Verdict.INVALID
    assert finding.proof


def test_every_mutation_flips_the_verdict_of_many_histories():
    flipped = Counter()
    for seed in SEEDS:
        flipped.update(
            mutant.name
            for mutant in mutants(true_history(seed), Random(seed))
            if BY_ZONES(mutant.history).verdict is Verdict.INVALID
        )
    assert flipped["drop_a_write"] == len(SEEDS)
    assert flipped["swap_a_value"] > len(SEEDS) / 2
    assert flipped["shift_a_read"] > len(SEEDS) / 3
    assert flipped["double_an_operation"] > len(SEEDS) / 2


def test_a_doubled_append_is_seen_by_the_ledger():
    h = HistoryBuilder()
    for number in range(5):
        h.op("append", "log", input=f"t{number}", at=(2 * number, 2 * number + 1))
    h.phase("settled", at=100)
    for times, verdict in ((1, Verdict.VALID), (2, Verdict.INVALID)):
        h.op("read", "log", output=["t0", "t1", *["t2"] * times, "t3", "t4"], at=100 + times, final=True)
        assert checks.applied_at_most(1)(h.build()).verdict is verdict


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_mutant_is_a_history_that_can_be_read_back(mutation, tmp_path):
    mutant = mutation(true_history(1), Random(1))
    dump(mutant.history, tmp_path / "history.jsonl")
    assert load(tmp_path / "history.jsonl") == mutant.history


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_history_without_operations_has_no_mutants(mutation):
    assert mutation(HistoryBuilder().build(), Random(0)) is None


def test_a_doubled_write_comes_after_the_first():
    mutant = double_an_operation(true_history(2), Random(2))
    first, again = (next(op for op in mutant.history.ops if op.id == number) for number in mutant.ids)
    assert first.completed_ns <= again.invoked_ns
