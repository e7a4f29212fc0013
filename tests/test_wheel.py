"""The built wheel: what is in it, that it works in an empty folder, and that the sdist builds the same."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest
from outsider import ROOT, build, run

from pytest_arbredis.cli.catalogue import shipped
from tests.test_readme import README, WRONG_BOTS, with_tests

SCENARIOS = tuple(shipped())


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_has_all_that_runs_and_nothing_else(wheel):
    names = set(contents(wheel))
    tops = {name.partition("/")[0] for name in names}
    assert {top.partition("-")[0] for top in tops} == {"pytest_arbredis"}
    assert {f"pytest_arbredis/scenarios/{stem}.py" for stem in SCENARIOS} <= names
    assert {"pytest_arbredis/py.typed", "pytest_arbredis/report/templates/report.html.j2"} <= names
    assert not [name for name in names if Path(name).name.startswith(("test_", "conftest")) or "__pycache__" in name]
    sources = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "pytest_arbredis").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if name.startswith("pytest_arbredis/")} >= sources


def test_the_source_distribution_builds_the_same_wheel(wheel, tmp_path):
    sdist = build("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    again = build("wheel", source, tmp_path / "again")
    assert contents(again) == contents(wheel)


def test_the_first_test_of_the_readme_passes_in_an_empty_folder(python, tmp_path):
    (tmp_path / "test_bot.py").write_text(with_tests(README)[0])
    where = run(python, tmp_path, "-c", "import pytest_arbredis; print(pytest_arbredis.__file__)")
    assert str(python.parent.parent) in where.stdout, where.stdout + where.stderr
    done = run(python, tmp_path, "-m", "pytest", "--arbredis-launcher=process")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.parametrize(
    "wrong",
    [name if number == 0 else pytest.param(name, marks=pytest.mark.thorough) for number, name in enumerate(WRONG_BOTS)],
)
def test_the_first_test_of_the_readme_fails_with_a_wrong_bot(python, tmp_path, wrong):
    right, planted = WRONG_BOTS[wrong]
    (tmp_path / "test_bot.py").write_text(with_tests(README)[0].replace(right, planted))
    done = run(python, tmp_path, "-m", "pytest", "--arbredis-launcher=process")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed" in done.stdout
    assert "on: topology sentinel" in done.stdout


def test_the_installed_scenarios_are_collected(python, tmp_path):
    done = run(python, tmp_path, "-m", "pytest", "--pyargs", "pytest_arbredis.scenarios", "--collect-only", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("::test_") == sum(map(len, shipped().values()))


def test_the_installed_command_lists_its_scenarios(python, tmp_path):
    done = run(python, tmp_path, "-m", "pytest_arbredis.cli", "drill", "--list")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failover.crash" in done.stdout
