"""Beside other people's plugins: each does what it is for, and so do we."""

from __future__ import annotations

import tempfile

import pytest

from pytest_arbredis.servers.redis import find_redis

GROUPED = """
import os, pathlib, pytest

LOG = pathlib.Path(__file__).parent / f"order-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
SPECIFICATIONS = [{"topology": "single"}, {"topology": "single", "conf": {"maxmemory": "64mb"}}, {"topology": "dual"}]


@pytest.fixture(autouse=True)
def noted(request):
    view = request.getfixturevalue("redis_topology") if "redis_url" in request.fixturenames else None
    with LOG.open("a") as log:
        print(request.node.name, view and view.deployment.root, file=log)


def wants(number):
    return pytest.mark.arbredis(**SPECIFICATIONS[number % 3])


@pytest.mark.parametrize("number", [pytest.param(n, marks=wants(n)) for n in range(50)])
def test_ours(redis_url, number):
    import redis
    with redis.from_url(redis_url) as client:
        assert client.set("k", number)


@pytest.mark.parametrize("number", range(10))
def test_theirs(number):
    pass
"""


@pytest.mark.parametrize(
    "how", [("-p", "no:xdist"), pytest.param(("-n", "2"), marks=pytest.mark.thorough)], ids=" ".join
)
def test_three_specifications_start_three_deployments_a_worker_in_random_order(inner, pytester, how):
    pytester.makepyfile(GROUPED)
    inner(*how, beside=("randomly",)).assert_outcomes(passed=60)
    logs = [path.read_text().split("\n")[:-1] for path in pytester.path.glob("order-*")]
    assert sum(map(len, logs)) == 60
    for lines in logs:
        roots = [line.split()[1] for line in lines if line.startswith("test_ours")]
        assert 1 <= len(set(roots)) <= 3
    if len(logs) == 1:
        names = [line.split()[0] for line in logs[0]]
        assert names != sorted(names, key=lambda name: (name.startswith("test_theirs"), int(name.split("[")[1][:-1])))


RERUN = """
import pathlib
from dataclasses import dataclass, replace
from pytest_arbredis import Scenario, checks, subjects, topologies, workloads
from pytest_arbredis.checkers.verdict import Finding, Verdict

TRIED = pathlib.Path(__file__).parent


def first_time(name):
    seen = TRIED / name
    was = seen.exists()
    seen.touch()
    return not was


@dataclass(frozen=True)
class FirstTime:
    claim: str
    verdict: Verdict

    def __call__(self, history):
        verdict = self.verdict if first_time(self.claim) else Verdict.VALID
        return Finding(claim=self.claim, verdict=verdict, summary=f"{len(history.ops)} operations")


def first(name, verdict):
    return Scenario(
        name=name, promise="Something holds.", topology=topologies.single(), subject=subjects.from_url(),
        workload=workloads.unique_writes(rate_hz=50, clients=1), seconds=0.2, checks=(FirstTime(name, verdict),),
    )


def test_broken_once(arbredis):
    arbredis.run(first("milk_is_fresh", Verdict.INVALID)).assert_valid()


def test_undecided_once(arbredis):
    arbredis.run(first("bread_is_fresh", Verdict.UNKNOWN)).assert_valid()


def test_flaky(redis_client, faults):
    if first_time("latency"):
        faults.latency("primary", ms=5)
    else:
        assert redis_client.ping()
"""


def test_a_rerun_hides_no_invalid_verdict(inner, pytester):
    pytester.makepyfile(RERUN)
    result = inner("-p", "no:xdist", "--reruns", "2", "--junitxml=report.xml", beside=("rerunfailures",))
    result.assert_outcomes(passed=2, failed=1)
    told = str(result.stdout)
    assert "4 rerun" in told
    result.stdout.fnmatch_lines(["FAILED *::test_broken_once - milk_is_fresh: * operations"])
    assert "of an earlier attempt: a rerun hides no invalid verdict" in told


SLOW = """
import time, pytest, redis


@pytest.mark.timeout(10)
def test_in_time(redis_client):
    assert redis_client.set("k", "v")


@pytest.mark.timeout(1.5)
def test_hangs(redis_client, redis_topology, faults):
    faults.pause("primary")
    redis_client.get("k")


def test_the_next_one_is_well(redis_client):
    assert redis_client.get("k") is None
"""


def test_a_test_that_times_out_is_healed(inner, pytester):
    pytester.makepyfile(SLOW)
    result = inner("-p", "no:xdist", beside=("timeout",))
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["* pause primary (n0)*", "FAILED *::test_hangs - *Timeout*"])


BOTH = """
def test_theirs_and_ours(redisdb, redis_client, redis_url):
    redisdb.set("theirs", "1")
    redis_client.set("ours", "1")
    assert redisdb.keys() == [b"theirs"]
    assert redis_client.keys() == [b"ours"]
    assert redis_client.connection_pool.connection_kwargs != redisdb.connection_pool.connection_kwargs


def test_again(redis_client, redisdb):
    assert redis_client.keys() == redisdb.keys() == []
"""


def test_pytest_redis_has_its_own_servers(inner, pytester):
    pytester.makepyfile(BOTH)
    with tempfile.TemporaryDirectory() as short:  # its socket's path must be
        executable = f"--redis-exec={find_redis()}"
        result = inner("-p", "no:xdist", executable, f"--basetemp={short}/t", beside=("pytest_redis",))
    result.assert_outcomes(passed=2)


MANY = """
import pytest


@pytest.mark.timeout(30)
@pytest.mark.parametrize("number", range(2))
def test_it(redis_client, faults, number):
    redis_client.set("k", number)
    with faults.latency("primary", ms=10):
        assert redis_client.get("k") == str(number).encode()


async def test_it_asynchronously(redis_async_client, redis_recorder):
    await redis_async_client.set("k", "v")
    assert [op.outcome for op in redis_recorder.operations("SET")] == ["ok"]
"""

EVERYBODY = ("anyio", "asyncio", "hypothesispytest", "pytest_redis", "randomly", "rerunfailures", "timeout")
AUTO = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"


@pytest.mark.thorough
def test_four_workers_on_few_cores_with_everybody_present(inner, pytester):
    for number in range(4):
        pytester.makepyfile(**{f"test_{number}": MANY})
    pytester.makeini(AUTO)
    inner("-n", "4", "--dist", "loadfile", beside=EVERYBODY).assert_outcomes(passed=12)


def test_with_everybody_present_in_one_process(inner, pytester):
    """None of them is told to leave us alone, and every warning is an error."""
    pytester.makepyfile(MANY)
    pytester.makeini(AUTO)
    inner("-p", "no:xdist", beside=EVERYBODY).assert_outcomes(passed=3)


@pytest.mark.thorough
def test_a_rerun_in_a_worker_hides_no_invalid_verdict_either(inner, pytester):
    pytester.makepyfile(RERUN)
    result = inner("-n", "2", "--reruns", "2", beside=("rerunfailures",))
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["FAILED *::test_broken_once - milk_is_fresh: * operations"])
