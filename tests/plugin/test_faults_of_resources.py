"""Faults of what a server lives on, in a plain test: met by an ordinary client, and missed by one that does nothing."""

from __future__ import annotations

import os

import pytest

from pytest_arbredis.topology.capabilities import _may_mount

BOT = """
import pytest, redis

pytestmark = pytest.mark.arbredis(topology="single")


@pytest.fixture
def bot(redis_url):
    with redis.from_url(redis_url, socket_timeout=0.5, retry=None) as client:
        client.set("k", "v")
        yield client
"""

LOADING = """

def test_met(bot, faults):
    with faults.loading("primary", seconds=1), pytest.raises(redis.exceptions.BusyLoadingError):
        bot.get("k")


def test_missed(redis_url, faults):
    with faults.loading("primary", seconds=1):
        pass


def test_no_container(faults):
    faults.freeze("primary")
"""

DISK_FULL = """

def test_met(bot, faults):
    with faults.disk_full() as handle:
        with pytest.raises(redis.ResponseError, match="^MISCONF"):
            bot.set("k", "w")
    assert handle.met == "n0 ran 1 commands while it was in force"


def test_missed(bot, faults):
    with faults.disk_full():
        pass
"""

CONTAINERS = """

def test_met(bot, faults):
    with faults.freeze("primary"), pytest.raises(redis.TimeoutError):
        bot.set("k", "w")


def test_missed(bot, faults):
    faults.cpu_quota("primary", percent=20)
"""


@pytest.mark.thorough
def test_loading_is_met_or_missed_and_containers_are_refused_where_there_are_none(inner, pytester):
    pytester.makepyfile(test_it=BOT + LOADING)
    result = inner("-p", "no:xdist")
    result.stdout.fnmatch_lines(
        [
            "FAILED *::test_missed - *loading on primary was in force (n0: answers LOADING *",
            "FAILED *::test_no_container - *freeze on primary is not possible here: it needs containers*",
        ]
    )
    result.assert_outcomes(passed=1, failed=2)


@pytest.mark.skipif(os.geteuid() != 0 or not _may_mount(), reason="this user has no right to mount")
def test_a_full_disk_is_met_or_missed(inner, pytester):
    pytester.makepyfile(test_it=BOT + DISK_FULL)
    result = inner("-p", "no:xdist")
    result.stdout.fnmatch_lines(["FAILED *::test_missed - *disk_full on primary was in force (*"])
    result.assert_outcomes(passed=1, failed=1)


@pytest.mark.docker
@pytest.mark.thorough
def test_faults_of_containers_are_met_or_missed(inner, pytester):
    pytester.makepyfile(test_it=BOT + CONTAINERS)
    result = inner("-p", "no:xdist", "--arbredis-launcher=docker")
    result.stdout.fnmatch_lines(["FAILED *::test_missed - *cpu_quota on primary was in force (*"])
    result.assert_outcomes(passed=1, failed=1)
