"""Our breaker on real servers: with a hardening left out, the scenario that claims it is invalid.

That the other scenarios stay valid then is held in memory (`unit/state/breaker/test_state_breaker_judged.py`).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.cli.catalogue import shipped
from pytest_arbredis.report.text import failure_text

OURS = {one.name.split(".")[1]: one for one in shipped()["others_breakers"] if one.name.endswith(".pytest-arbredis")}


@pytest.mark.parametrize(
    ("name", "without", "probes"),
    [
        ("one_probe", "probe-limit", 1),
        ("late_calls", "late-results-ignored", 6),
        ("late_calls", "", 6),
        ("clock_step", "monotonic-clock", 1),
        pytest.param("one_probe", "", 1, marks=pytest.mark.thorough),
        pytest.param("clock_step", "", 1, marks=pytest.mark.thorough),
    ],
)
def test_what_is_left_out_shows(judged, name, without, probes):
    scenario = OURS[name]
    subject = replace(scenario.subject, probes=probes, without=frozenset(filter(None, [without])))
    result = judged(scenario.with_subject(subject))
    assert result.verdict is (Verdict.INVALID if without else Verdict.VALID), failure_text(result)
    if without:
        invalid = [one.claim for one in result.findings if one.verdict is Verdict.INVALID]
        assert invalid == ["breaker_follows_its_automaton"]
