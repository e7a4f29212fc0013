"""The examples as an outsider runs them: a copy in an empty folder, with the built wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from outsider import run

EXAMPLES = Path(__file__).parent.parent / "examples"
OURS = ("python_bot", "shell_bot", "black_box")
"""Those that are a project with a suite of its own, and need nothing but Python and a shell."""


@pytest.mark.parametrize("name", OURS)
def test_an_example_passes_with_the_built_wheel_in_an_empty_folder(python, tmp_path, name):
    folder = shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    done = run(python, folder, "-m", "pytest", "-q", "--arbredis-launcher=process")
    assert done.returncode == 0, done.stdout + done.stderr
    count = (folder / "test_resilience.py").read_text("utf-8").count("\ndef test_")
    assert f"{count} passed" in done.stdout, done.stdout


def test_the_first_line_that_the_shell_bot_reads_is_answered(tmp_path):
    """What its README tells to type is understood, even where nobody listens."""
    typed = re.search(r"then type (\{.*\})$", (EXAMPLES / "shell_bot" / "README.md").read_text("utf-8"), re.MULTILINE)
    assert typed
    done = subprocess.run(
        ["bash", str(EXAMPLES / "shell_bot" / "bot.sh")],
        input=typed[1] + "\n",
        env={"REDIS_HOST": "127.0.0.1", "REDIS_PORT": "1", "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.stdout.splitlines() == ['{"ready": true}', '{"id": 1, "outcome": "unknown", "error": "no reply"}']


@pytest.mark.parametrize(("path", "most"), [("python_bot/adapter.py", 40), ("shell_bot/bot.sh", 30)])
def test_adapters_are_short(path, most):
    assert len((EXAMPLES / path).read_text("utf-8").splitlines()) <= most


def test_the_adapter_offers_what_the_shipped_scenarios_ask(monkeypatch):
    from pytest_arbredis.cli.catalogue import shipped
    from pytest_arbredis.subjects.fitting import fit

    monkeypatch.syspath_prepend(EXAMPLES / "python_bot")
    try:
        from adapter import Bot

        scenarios = [scenario for scenarios in shipped().values() for scenario in scenarios]
        fitting = {scenario.name for scenario in fit(scenarios, Bot()).scenarios}
    finally:
        for name in ("adapter", "positions"):
            sys.modules.pop(name, None)
    assert {"failover.crash", "disconnects.primary"} <= fitting
