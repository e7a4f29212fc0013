"""What Python lets pass is refused where it is written: at the definition of a scenario, or on the command line."""

from __future__ import annotations

import pytest

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads
from pytest_arbredis.checkers.by_name import check_named
from pytest_arbredis.errors import UsageError

SURVIVE = checks.acknowledged_writes_survive()


def scenario(**changes):
    usual = {
        "name": "mine",
        "promise": "Something holds.",
        "topology": topologies.single(),
        "subject": subjects.pool(),
        "workload": workloads.unique_writes(rate_hz=200, clients=2),
        "faults": schedule.at(seconds=0.5).reset("primary").lasting(seconds=0.5),
        "checks": (SURVIVE,),
    }
    return Scenario(**{**usual, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"checks": SURVIVE}, "comma"),
        ({"checks": (checks.acknowledged_writes_survive,)}, r"checks\.acknowledged_writes_survive"),
        ({"checks": ("acknowledged_writes_survive",)}, "is not a check"),
        ({"checks": ()}, "no checks"),
        ({"checks": (checks.monotonic_reads(names=("read")),)}, r"names=\('read',\)"),
        ({"checks": (checks.recovers_within(seconds=3, after="rest"),)}, "reset"),
        ({"checks": (checks.no_failover(during="crash"),)}, "reset"),
        ({"judged": "write"}, r"judged=\('write',\)"),
        ({"topology": "single"}, r"topologies\.single\(\)"),
        ({"subject": object()}, r"open\(endpoints\)"),
    ],
)
def test_a_scenario_that_means_something_else_is_refused_at_its_definition(changes, said):
    with pytest.raises(UsageError, match=said):
        scenario(**changes)


def test_the_usual_scenario_is_not_refused():
    assert scenario(checks=(SURVIVE, checks.recovers_within(seconds=3, after="reset"))).name == "mine"


@pytest.mark.parametrize("text", ["monotonic_reads(names='read')", "recovers_within(seconds=3, names='write')"])
def test_a_text_instead_of_names_is_refused_on_the_command_line(text):
    with pytest.raises(UsageError, match="comma"):
        check_named(text)


def test_a_model_s_name_is_no_model():
    with pytest.raises(UsageError, match="Model"):
        checks.linearizable("register")
