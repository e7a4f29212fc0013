"""Which scenarios fit a subject."""

from __future__ import annotations

import pytest

from pytest_arbredis import subjects
from pytest_arbredis.cli.catalogue import shipped
from pytest_arbredis.subjects.fitting import fit, operations_in, why_not

ALL = {scenario.name: scenario for scenarios in shipped().values() for scenario in scenarios}


class Plain:
    """A subject that says nothing of itself."""

    name = "plain"

    def open(self, endpoints):
        """Nobody opens it here."""


def test_what_is_asked_is_read_from_the_plan():
    assert operations_in(ALL["failover.crash"]) == {"write"}
    assert operations_in(ALL["disconnects.primary"]) == {"write", "read"}
    assert operations_in(ALL["latency_budgets.localhost"]) == {"GET", "SET", "PUBLISH"}


@pytest.mark.parametrize(
    ("scenario", "subject", "why"),
    [
        ("failover.crash", Plain(), ""),
        ("failover.crash", subjects.process(["bot"]), ""),
        ("failover.confirmed", Plain(), "it judges confirmed writes"),
        ("failover.confirmed", subjects.process(["bot"], confirms=True), ""),
        ("failover.confirmed", subjects.sentinel(wait_replicas=2), ""),
        ("oom.refusal", Plain(), "it judges refused writes"),
        ("oom.refusal", subjects.process(["bot"]), ""),
        ("oom.refusal", subjects.direct(), ""),
        ("disconnects.primary", subjects.process(["bot"], operations=["write"]), "it asks for read, and"),
        ("latency_budgets.localhost", subjects.process(["bot"]), "it asks for GET, PUBLISH, SET, and"),
        ("latency_budgets.localhost", subjects.sentinel(), "it runs on the topology single, and"),
        ("retries.redis", Plain(), "it demonstrates a hazard with redis-py"),
        ("failover.crash", subjects.black_box(["bot"]), "it asks for write, and black box bot offers none"),
    ],
)
def test_a_scenario_fits_or_says_why_not(scenario, subject, why):
    told = why_not(ALL[scenario], subject)
    assert told.startswith(why) if why else told == ""


def test_a_hazard_that_was_asked_for_by_name_is_run():
    fitting = fit([ALL["retries.redis"]], Plain(), named=True)
    assert [scenario.subject.name for scenario in fitting.scenarios] == ["plain"]
