"""Fixtures of wider scope on servers of their own, and public fixtures that a conftest overrides."""

from __future__ import annotations

from pytest_arbredis.fixtures import FIXTURES

CONFTEST = """
import pytest
from pytest_arbredis import factories

bot_redis = factories.topology("single", scope="module", conf={"maxmemory": "64mb"})
second = factories.topology("single", scope="class", name="another")
"""

WIDE = """
import pytest


def test_keeps_what_an_earlier_test_left(bot_redis, redis_client):
    with bot_redis.client() as client:
        assert client.config_get("maxmemory") == {"maxmemory": str(64 * 1024**2)}
        assert client.set("k", "v")
    redis_client.set("mine", "v")


@pytest.mark.arbredis(topology="single", conf={"maxmemory": "64mb"})
def test_the_same_specification_is_another_deployment(bot_redis, redis_client):
    assert redis_client.dbsize() == 0
    with bot_redis.client() as client:
        assert client.get("k") == b"v"
        bot_redis.faults.latency("primary", ms=5)
        client.get("k")


def test_a_fault_stays_in_force(bot_redis):
    assert [injection.fault.name for injection in bot_redis.nemesis.in_force] == ["latency"]


def test_one_that_nothing_met(bot_redis):
    bot_redis.faults.latency("primary", ms=7)


class TestOfAClass:
    def test_sets(self, another):
        with another.client() as client:
            client.set("k", "v")

    def test_gets(self, another):
        with another.client() as client:
            assert client.get("k") == b"v"


def test_fails(bot_redis):
    assert False, "on purpose"
"""

SECOND = """
def test_another_module_begins_anew(bot_redis):
    with bot_redis.client() as client:
        assert client.dbsize() == 0
"""


def test_a_factory_gives_a_topology_of_another_scope(inner, pytester):
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_one=WIDE, test_two=SECOND)
    result = inner("-p", "no:xdist")
    result.assert_outcomes(passed=6, failed=2)
    result.stdout.fnmatch_lines(["FAILED *::test_one_that_nothing_met - *latency on primary was in force*"])
    result.stdout.fnmatch_lines(["*- arbredis -*", "on: topology single*", "* latency primary (n0) *5 ms*"])


def test_wrong_factories_are_refused_at_definition(inner, pytester):
    wrong = {
        '"clustered"': "unknown topology 'clustered'*use one of: dual, replicated, sentinel, single",
        '"single", scope="modul"': "unknown scope of factories.topology 'modul'*module, package, session",
        '"single", maxmemory="1mb"': "unknown argument of factories.topology 'maxmemory'*conf, ",
        '"single", sentinels=3': "topology='single' takes no sentinels*leave it out",
    }
    for number, arguments in enumerate(wrong):
        source = f"from pytest_arbredis import factories\nmine = factories.topology({arguments})\n"
        pytester.makepyfile(**{f"test_{number}": source + "def test_it(mine): pass\n"})
    result = inner("-p", "no:xdist")
    result.assert_outcomes(errors=len(wrong))
    told = str(result.stdout)
    for expected in wrong.values():
        for part in expected.split("*"):
            assert part in told
    assert told.count("ERROR collecting") == len(wrong)


def test_every_public_fixture_can_be_overridden_without_changing_another(inner, pytester):
    tests = []
    for name in sorted(FIXTURES):
        others = ", ".join(sorted(FIXTURES - {name}))
        tests.append(f"""
class TestWithout_{name}:
    @pytest.fixture
    def {name}(self):
        return "mine"

    def test_it(self, {name}, {others}):
        assert {name} == "mine"
        assert not [other for other in ({others}) if other == "mine"]
""")
    pytester.makepyfile("import pytest\n" + "\n".join(tests))
    inner("-p", "no:xdist").assert_outcomes(passed=len(FIXTURES))
