"""Every planted bug is found by the check that claims to, and the same subject without it is not accused.

Here on servers in memory and a manual clock, over twenty seeds; `make quality` does the same on real servers.
"""

from __future__ import annotations

import pytest
from planted.registry import PLANTED
from planted.touched import MOST
from rehearsal import functional, played, rehearsed

from pytest_arbredis.checkers.verdict import Verdict, worst

SEEDS = range(20)
EACH = pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)


def test_there_are_sixteen_bugs_each_with_a_name_of_its_own():
    assert len({planted.name for planted in PLANTED}) == len(PLANTED) >= 16


@EACH
@pytest.mark.parametrize("buggy", [True, False], ids=["buggy", "mended"])
def test_a_functional_test_without_faults_passes(planted, buggy):
    functional(planted, buggy=buggy)


@EACH
def test_a_planted_bug_is_found_with_every_seed_and_touches_one_operation_of_a_hundred(planted, tmp_path):
    """Or, where a fault brings it out, at most one of a hundred before any fault."""
    missed, met = {}, []
    for seed in SEEDS:
        (tmp_path / str(seed)).mkdir()
        (finding, *_), touched = played(planted, buggy=True, seed=seed, folder=tmp_path / str(seed))
        met.append(touched)
        if finding.verdict is not Verdict.INVALID:
            missed[seed] = f"{finding.verdict.word}: {finding.summary}"
    assert not missed
    assert sum(one.count for one in met) <= MOST * sum(one.of for one in met), met
    if not planted.only_by_a_fault:
        assert all(one.count for one in met), "a bug that touches nothing was not measured"


@EACH
def test_the_mended_subject_is_valid(planted, tmp_path):
    for seed in SEEDS[:2]:
        (tmp_path / str(seed)).mkdir()
        findings = rehearsed(planted, buggy=False, seed=seed, folder=tmp_path / str(seed))
        told = [f"{finding.claim}: {finding.summary}" for finding in findings]
        assert worst(findings) is Verdict.VALID, told
