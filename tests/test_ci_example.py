"""The workflow for users' CI: its commands exist, its paths are ours, its versions those that are built."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pytest_arbredis.cli.main import app
from pytest_arbredis.options import OPTIONS
from pytest_arbredis.report.folder import runs_dir
from pytest_arbredis.servers.toxiproxy import VERSION

ROOT = Path(__file__).parent.parent
WORKFLOW = (ROOT / "examples" / "github-actions" / "resilience.yml").read_text("utf-8")
RUNS = [shlex.split(line) for line in re.findall(r"^\s+run: (.+)$", WORKFLOW, re.MULTILINE)]


@pytest.mark.parametrize("words", [words for words in RUNS if words[0] == "arbredis"], ids=" ".join)
def test_its_commands_take_their_options(words):
    told = CliRunner().invoke(app, [words[1], "--help"])
    assert told.exit_code == 0
    for option in (word for word in words if word.startswith("--")):
        assert option in told.output


def test_its_pytest_options_are_ours():
    (words,) = [words for words in RUNS if words[0] == "pytest"]
    ours = [word.partition("=")[0] for word in words if word.startswith("--arbredis")]
    assert ours
    assert set(ours) <= {option.flag for option in OPTIONS}


def test_what_it_caches_and_uploads_is_what_is_written():
    assert f"toxiproxy-{VERSION}-" in WORKFLOW
    assert str(runs_dir(Path(), None)) in WORKFLOW
    assert "if: always()" in WORKFLOW
    assert "include-hidden-files: true" in WORKFLOW


def test_it_is_described():
    assert "examples/github-actions/resilience.yml" in (ROOT / "docs" / "ci.md").read_text("utf-8")
