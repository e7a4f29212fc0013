"""docs/faults.md says what the registry says; its evidence is of a real run, of every fault."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from pytest_arbredis.faults.registry import FAULTS
from pytest_arbredis.topology.capabilities import CAPABILITIES

PROGRAM = Path(__file__).parents[3] / "docs" / "build_faults.py"


@pytest.fixture(scope="module")
def reference():
    """The program that writes the page."""
    spec = importlib.util.spec_from_file_location("build_faults", PROGRAM)
    module = sys.modules["build_faults"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["build_faults"]


def test_the_page_is_up_to_date_but_for_its_evidence(reference):
    text = reference.PAGE.read_text("utf-8")
    assert reference.render(reference.read(text)) == text, "run: python docs/build_faults.py --keep-evidence"


def test_help_and_a_mistyped_option_run_nothing(reference, capsys, monkeypatch):
    monkeypatch.setattr(reference, "gather", lambda: pytest.fail("servers were started"))
    for arguments, status in ((["--help"], 0), (["--keep-evidense"], 2)):
        with pytest.raises(SystemExit) as ended:
            reference.main(arguments)
        assert ended.value.code == status
    assert "keep the evidence that the page has" in capsys.readouterr().out


def test_every_fault_was_seen_in_a_real_run(reference):
    evidence = reference.read(reference.PAGE.read_text("utf-8"))
    assert set(evidence.origin) == set(reference.LAUNCHERS)
    assert set(evidence.seen) == set(FAULTS)
    for name, seen in evidence.seen.items():
        assert set(seen) == set(reference.LAUNCHERS), name
        assert any(not text.startswith(reference.NOT_HERE) for text in seen.values()), name


@pytest.mark.parametrize("name", FAULTS)
def test_an_example_is_a_call_that_makes_the_fault(reference, name):
    fault, target = reference.example_of(name)
    assert type(fault) is FAULTS[name]
    assert target in {"primary", "replicas", "crashed"}


def test_every_capability_is_told_in_words(reference):
    assert set(reference.NEEDS) == set(CAPABILITIES)


def test_evidence_survives_a_new_rendering(reference):
    evidence = reference.Evidence(
        origin={"process": "today, Redis 7.0.15"}, seen={name: {"process": f"{name}: seen"} for name in FAULTS}
    )
    assert reference.read(reference.render(evidence)) == evidence
