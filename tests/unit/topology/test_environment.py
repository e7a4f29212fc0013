"""Addresses as environment variables: those that there are, and no others."""

from __future__ import annotations

from pytest_arbredis.load.protocol import Endpoints
from pytest_arbredis.servers.login import Login
from pytest_arbredis.topology.environment import redis_environment

PRIMARY, OTHER, SENTINELS = ("127.0.0.1", 7001), ("127.0.0.1", 7002), (("127.0.0.1", 7003), ("127.0.0.1", 7004))


def test_one_redis_has_its_address_and_nothing_of_others():
    assert redis_environment(PRIMARY, (), "arbredis") == {
        "REDIS_URL": "redis://127.0.0.1:7001/0",
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": "7001",
        "REDIS_DB": "0",
    }


def test_sentinels_are_named_with_what_they_watch():
    env = redis_environment(PRIMARY, SENTINELS, "arbredis")
    assert env["REDIS_SENTINELS"] == "127.0.0.1:7003,127.0.0.1:7004"
    assert env["REDIS_SENTINEL_MASTER"] == "arbredis"


def test_the_second_redis_of_a_dual_topology_is_named_with_its_login():
    login = Login(user="bot", password="pw")  # noqa: S106 - the test's own
    env = Endpoints(primary=PRIMARY, second=OTHER, login=login).env
    assert env["REDIS_SECOND_URL"] == "redis://bot:pw@127.0.0.1:7002/0"
    assert (env["REDIS_SECOND_HOST"], env["REDIS_SECOND_PORT"]) == ("127.0.0.1", "7002")
    assert (env["REDIS_USERNAME"], env["REDIS_PASSWORD"]) == ("bot", "pw")
