"""Which scenarios a name means: the shipped ones, those of a file, those of a module; and wrong names are usage."""

from __future__ import annotations

import sys

import pytest

from pytest_arbredis.cli.catalogue import PROFILES, find, profile, shipped
from pytest_arbredis.errors import UsageError

DEFINITION = """
from pytest_arbredis import Scenario, checks, subjects, topologies, workloads

def of(name, **topology):
    return Scenario(
        name=name,
        promise="a definition",
        topology=topologies.sentinel(**topology),
        subject=subjects.sentinel(),
        workload=workloads.unique_writes(rate_hz=100, clients=2),
        checks=(checks.acknowledged_writes_survive(),),
    )

FIRST = of("first")
PRODUCTION = of("production", timing="production")
MORE = (of("third"), of("fourth"))
SAME = FIRST
NUMBER = 1
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    path = tmp_path / "arbredis_my_drills.py"
    path.write_text(DEFINITION)
    monkeypatch.chdir(tmp_path)
    yield path
    sys.modules.pop(path.stem, None)


def names(*asked: str) -> list[str]:
    return [scenario.name for scenario in find(asked)]


def test_every_profile_names_scenarios_and_quick_is_within_release():
    assert PROFILES == ("quick", "release")
    quick, release = ({scenario.name for scenario in profile(name)} for name in PROFILES)
    assert quick
    assert quick - release == {"latency_budgets.localhost"}, "measured for longer in the release"
    assert "latency_budgets.longer" in release - quick


def test_a_file_s_name_means_all_of_its_scenarios_and_nothing_runs_twice():
    assert names("failover") == ["failover.crash", "failover.confirmed", "failover.planned"]
    assert names("failover.confirmed", "failover") == ["failover.confirmed", "failover.crash", "failover.planned"]
    assert "failover" in shipped()


def test_a_path_means_all_scenarios_of_that_file_in_the_order_of_their_definition(mine):
    assert names(str(mine)) == ["first", "production", "third", "fourth"]
    assert names(mine.name) == ["first", "production", "third", "fourth"]


def test_production_timing_is_accepted_in_a_definition(mine):
    assert {scenario.name: scenario.topology.timing for scenario in find([str(mine)])}["production"] == "production"


def test_a_module_and_a_value_mean_that_scenario(mine):
    assert names(f"{mine.stem}:FIRST") == ["first"]
    assert str(mine.parent) not in sys.path


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        ("", "empty.py", r"empty\.py defines no Scenario"),
        ("NUMBER = 1", "number.py", r"number\.py defines no Scenario"),
        ("import a_module_that_is_not_there", "broken.py", "cannot be imported: ModuleNotFoundError"),
        ("def broken(:", "syntax.py", "cannot be imported: SyntaxError"),
        ("1 / 0", "zero.py", "cannot be imported: ZeroDivisionError"),
        ("raise SystemExit(0)", "leaves.py", "cannot be imported: SystemExit: 0"),
        (DEFINITION + "of('slow', timing='slow')", "timing.py", "(?s)unknown timing 'slow'.*fast, production"),
        (DEFINITION + "of('none', replicas=0)", "none.py", "replicas=0"),
    ],
)
def test_a_file_that_gives_no_scenario_is_wrong_usage(tmp_path, text, name, told):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UsageError, match=told):
        find([str(path)])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere.py", "there is no file 'nowhere.py'"),
        ("nope", r"(?s)unknown scenario 'nope'.*failover.*failover\.crash.*lost_writes"),
        ("", "unknown scenario ''"),
        ("failover.chrash", r"use one of: failover\.crash,"),
        ("failover.nope", r"failover\.confirmed.*names all"),
        ("arbredis_no_such_module:X", "'arbredis_no_such_module' cannot be imported: ModuleNotFoundError"),
        ("arbredis_my_drills:NOPE", "(?s)unknown Scenario in arbredis_my_drills 'NOPE'.*FIRST, PRODUCTION, SAME"),
        ("arbredis_my_drills:NUMBER", "(?s)unknown Scenario in arbredis_my_drills 'NUMBER'.*FIRST"),
        ("json:loads", r"(?s)unknown Scenario in json 'loads'.*\(there is none\)"),
        (":X", "cannot be imported"),
        ("..x:Y", "cannot be imported"),
    ],
)
def test_a_wrong_name_is_told_with_the_known_ones(mine, name, told):
    assert mine.exists()
    with pytest.raises(UsageError, match=told):
        find([name])


def test_an_unknown_profile_is_told_with_the_known_ones():
    with pytest.raises(UsageError, match=r"(?s)unknown profile 'nightly'.*quick, release"):
        profile("nightly")
