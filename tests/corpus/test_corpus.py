"""The corpus: small histories with the verdict in their name, for every check; verdicts and proofs must be exact."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_arbredis.checkers.by_name import check_named
from pytest_arbredis.checkers.models import MODELS
from pytest_arbredis.history.jsonl import load

CORPUS = Path(__file__).parent
FILES = sorted(CORPUS.glob("*/*.jsonl"))

ACCUSE_NOBODY = {"sometimes_error", "vacuity_guard", "violated", "works_without_redis"}
"""What did not happen in a run is no violation: these say valid or unknown."""


def name_of(path):
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_verdict_is_exact(path):
    expected = path.stem.rpartition(".")[2]
    assert expected in {"valid", "unknown", "invalid"}, "the verdict stands at the end of the file's name"
    history = load(path)
    name = path.parent.name
    finding = check_named(MODELS.get(name, name), history.header.meta.get("params"))(history)
    assert finding.verdict.word == expected, finding.summary
    assert finding.summary
    known = {op.id for op in history.ops}
    assert set(finding.proof) <= known
    assert len(finding.proof) <= 10
    if "proof" in history.header.meta:
        assert set(finding.proof) == set(history.header.meta["proof"]), finding.summary


@pytest.mark.parametrize("name", sorted({path.parent.name for path in FILES}))
def test_every_check_has_histories_of_all_its_verdicts(name):
    verdicts = {path.stem.rpartition(".")[2] for path in FILES if path.parent.name == name}
    assert verdicts == {"valid", "unknown", "invalid"} - ({"invalid"} if name in ACCUSE_NOBODY else set())
