"""The examples of docs/state/manager.md run as they are printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pytest_arbredis.cli.main import status_of

PAGE = (Path(__file__).parents[2] / "docs" / "state" / "manager.md").read_text("utf-8")
WHERE = '"localhost", 6379'

pytestmark = pytest.mark.arbredis(topology="single")


def block_of(language):
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return block


def test_the_example_runs(redis_topology, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    host, port = redis_topology.primary.direct
    assert WHERE in block_of("python")
    exec(block_of("python").replace(WHERE, f'"{host}", {port}'), {})  # noqa: S102 - our own page
    assert capsys.readouterr().out == "1 as Redis has it\nTrue\n"


def test_the_commands_run(redis_direct_url, monkeypatch):
    monkeypatch.setenv("REDIS_URL", redis_direct_url)
    commands = [shlex.split(line, comments=True) for line in block_of("text").splitlines()]
    assert [status_of(arguments) for _, *arguments in commands] == [0, 0, 0, 0]
