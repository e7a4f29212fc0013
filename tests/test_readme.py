"""README and docs are true: their code runs, their commands exist, their tables are complete."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_arbredis.faults.registry import FAULTS
from pytest_arbredis.fixtures import FIXTURES
from pytest_arbredis.options import OPTIONS
from pytest_arbredis.servers.toxiproxy import user_cache

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
GUIDE = (ROOT / "docs" / "writing-a-scenario.md").read_text("utf-8")
YOUR_BOT = (ROOT / "docs" / "your-bot.md").read_text("utf-8")
CACHE = str(user_cache().parent)
"""Asked here, because pytester gives its tests another home."""
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

WRONG_BOTS = {
    "gives up at the first error": ("while True", "for _ in range(1)"),
    "believes what was not acknowledged": ("time.sleep(0.05)", "return True"),
    "does not place orders": ('client.set(f"order:{order}", "placed")', "True"),
}


def blocks(text: str, language: str) -> list[str]:
    return [body for found, body in BLOCK.findall(text) if found == language]


def with_tests(text: str) -> list[str]:
    return [body for body in blocks(text, "python") if "def test_" in body]


@pytest.fixture
def inner(pytester, monkeypatch):
    """Runs test files in an empty folder."""
    for name in [name for name in os.environ if name.startswith(("ARBREDIS_", "PYTEST_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", CACHE)

    def run(sources: list[str]) -> pytest.RunResult:
        pytester.makepyfile(**{f"test_{number}": source for number, source in enumerate(sources)})
        off = [f"no:{name}" for name in ("cacheprovider", "xdist", "asyncio", "randomly", "hypothesispytest")]
        strict = ("-W", "error", "--strict-markers", "--strict-config")
        unused = [word for name in off for word in ("-p", name)]
        return pytester.runpytest_subprocess(*unused, *strict, "--arbredis-launcher=process")

    return run


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(README, id="README"),
        pytest.param(GUIDE, id="writing-a-scenario", marks=pytest.mark.thorough),
        pytest.param(YOUR_BOT, id="your-bot", marks=pytest.mark.thorough),
    ],
)
def test_code_in_readme_and_docs_runs(inner, text):
    sources = with_tests(text)
    result = inner(sources)
    result.assert_outcomes(passed=sum(source.count("def test_") for source in sources))


def test_every_python_block_has_a_test():
    for text in (README, GUIDE, YOUR_BOT):
        assert with_tests(text) == blocks(text, "python") != []


def test_the_first_screen_is_a_screen_and_the_test_is_short():
    first_screen = README.split("\n## ")[0]
    assert len(first_screen.splitlines()) <= 60
    assert len([line for line in with_tests(README)[0].splitlines() if line.strip()]) <= 13


def one_after_the_other() -> list[str]:
    lines = [line.partition("#")[0].strip() for body in blocks(README, "console") for line in body.splitlines()]
    return [line for line in lines if line]


def commands() -> list[str]:
    lines = [line.partition("#")[0].strip() for body in blocks(README, "sh") for line in body.splitlines()]
    return [line for line in lines if line]


def test_a_game_day_runs_line_by_line(tmp_path):
    lines = one_after_the_other()
    assert len(lines) >= 5
    for line in lines:
        test_commands_run(tmp_path, line)


@pytest.mark.parametrize("command", [line for line in commands() if not line.startswith("make ")])
def test_commands_run(tmp_path, command):
    words = shlex.split(command)
    program = Path(sys.executable).parent / words[0]
    environment = {**os.environ, "ARBREDIS_LAUNCHER": "process"}
    done = subprocess.run(
        [str(program), *words[1:]],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


def test_a_stored_run_is_judged_again_line_by_line(tmp_path):
    test_commands_run(tmp_path, "arbredis drill failover.confirmed")
    known = ROOT / "tests" / "corpus" / "register" / "stale-read-concurrent-with-the-write.valid.jsonl"
    shutil.copy(known, tmp_path / "my-history.jsonl")
    (body,) = blocks(README, "shell")
    lines = [line.partition("#")[0].strip() for line in body.splitlines()]
    assert len(lines) == 3
    for line in lines:
        test_commands_run(tmp_path, line)


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = [line.split()[1] for line in commands() if line.startswith("make ")]
    assert targets == ["drill", "test"]
    for target in [*targets, *re.findall(r"`make (\w+)`", README)]:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def table(heading: str) -> list[str]:
    """The first cells of the first table behind a line."""
    rows = README.split(heading, 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^\| `([^`]+)` \|", rows, re.MULTILINE)


def test_tables_are_those_of_the_code():
    assert table("| fault | what happens |") == sorted(FAULTS)
    assert sorted(table("| fixture | gives |")) == sorted(FIXTURES)
    assert table("| option | |") == [option.flag for option in OPTIONS]


def test_verdicts_are_explained_for_every_check():
    from pytest_arbredis import checks

    first_cells = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / "verdicts.md").read_text("utf-8"), re.MULTILINE)
    told = {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}
    assert set(checks.__all__) - {"require_rate", "vacuity_guard"} <= told


def test_links_lead_somewhere():
    docs = [ROOT / "docs" / f"{name}.md" for name in ("verdicts", "writing-a-scenario", "your-bot")]
    for path in (ROOT / "README.md", *docs):
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
            assert (path.parent / target).is_file(), f"{path.name}: {target}"
