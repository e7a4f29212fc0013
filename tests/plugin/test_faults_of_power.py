"""Power loss and slow disk in a plain test: its topology says `power=True`, and a restart shows what is left."""

from __future__ import annotations

import pytest

from pytest_arbredis.errors import MissingBinaryError
from pytest_arbredis.servers.sync_ledger_build import get_library

BOT = """
import time

import pytest, redis


@pytest.fixture
def bot(redis_url):
    with redis.from_url(redis_url, socket_timeout=2) as client:
        client.set("k", "v")
        yield client


@pytest.mark.arbredis(topology="single", power=True, conf={"appendonly": "yes", "appendfsync": "always"})
def test_kept(bot, faults):
    faults.power_loss()
    with pytest.raises(redis.ConnectionError):
        bot.get("k")
    faults.restart()
    assert bot.get("k") == b"v"


@pytest.mark.arbredis(topology="single", power=True, conf={"appendonly": "yes", "appendfsync": "no"})
def test_gone(bot, faults):
    faults.power_loss("primary")
    faults.restart("crashed")
    assert bot.get("k") is None


@pytest.mark.arbredis(topology="single", power=True, conf={"appendonly": "yes", "appendfsync": "always"})
def test_late(bot, faults):
    with faults.slow_disk(fsync_ms=200):
        began = time.monotonic()
        bot.set("k", "w")
        assert time.monotonic() - began >= 0.2


@pytest.mark.arbredis(topology="single")
def test_not_here(bot, faults):
    faults.power_loss()
"""


@pytest.fixture(autouse=True)
def library():
    """Without a C compiler there is nothing to test."""
    try:
        return get_library(print)
    except MissingBinaryError as error:
        pytest.skip(str(error))


def test_an_ordinary_test_sees_what_a_loss_of_power_leaves(inner, pytester):
    pytester.makepyfile(test_it=BOT)
    result = inner("-p", "no:xdist")
    result.stdout.fnmatch_lines(["FAILED *::test_not_here - *power_loss on primary is not possible here: *power=True*"])
    result.assert_outcomes(passed=3, failed=1)
