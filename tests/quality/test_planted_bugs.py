"""Every planted bug is found by the check that claims to, and the same subject without it is not accused.

Here on servers in memory and a manual clock, over twenty seeds; `make quality` does the same on real servers.
"""

from __future__ import annotations

import pytest
from planted.registry import PLANTED
from rehearsal import functional, rehearsed

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
def test_a_planted_bug_is_found_with_every_seed(planted, tmp_path):
    missed = {}
    for seed in SEEDS:
        (tmp_path / str(seed)).mkdir()
        finding, *_ = rehearsed(planted, buggy=True, seed=seed, folder=tmp_path / str(seed))
        if finding.verdict is not Verdict.INVALID:
            missed[seed] = f"{finding.verdict.word}: {finding.summary}"
    assert not missed


@EACH
def test_the_mended_subject_is_valid(planted, tmp_path):
    for seed in SEEDS[:2]:
        (tmp_path / str(seed)).mkdir()
        findings = rehearsed(planted, buggy=False, seed=seed, folder=tmp_path / str(seed))
        told = [f"{finding.claim}: {finding.summary}" for finding in findings]
        assert worst(findings) is Verdict.VALID, told
