"""The examples of docs/state/sessions.md and audit.md run as they are printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pytest_arbredis.cli.main import status_of

PAGES = Path(__file__).parents[2] / "docs" / "state"
ADDRESS = "redis://localhost:6380/0"

pytestmark = pytest.mark.arbredis(topology="single")


def test_the_example_of_sessions_runs(redis_direct_url, capsys):
    (block,) = re.findall(
        r"^```python\n(.*?)^```$", (PAGES / "sessions.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert ADDRESS in block
    exec(block.replace(ADDRESS, redis_direct_url), {})  # noqa: S102 - our own page
    assert "is at version" in capsys.readouterr().out


def test_the_commands_of_audits_run(redis_direct_url):
    (block,) = re.findall(r"^```text\n(.*?)^```$", (PAGES / "audit.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    commands = [shlex.split(line.replace(ADDRESS, redis_direct_url), comments=True) for line in block.splitlines()]
    assert [status_of(arguments) for program, *arguments in commands if program == "arbredis"] == [0, 0, 0]
