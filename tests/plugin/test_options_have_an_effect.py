"""What is parsed does something: each option, variable and argument of the marker, on real servers."""

from __future__ import annotations

import subprocess

import pytest

from pytest_arbredis.servers.ports import is_free
from pytest_arbredis.servers.redis import find_redis

SCENARIO = """
from dataclasses import dataclass
from pytest_arbredis import Scenario, checks, subjects, topologies, workloads
from pytest_arbredis.checkers.verdict import Finding, Verdict


@dataclass(frozen=True)
class Undecided:
    claim: str = "milk_is_fresh"

    def __call__(self, history):
        return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary=f"by {history.header.subject}")


def scenario(name, *more):
    return Scenario(
        name=name, promise="Something holds.", topology=topologies.single(), subject=subjects.from_url(),
        workload=workloads.unique_writes(rate_hz=50, clients=1), seconds=0.2,
        checks=(checks.acknowledged_writes_survive(), *more),
    )


def test_valid(arbredis):
    arbredis.run(scenario("mine")).assert_valid()


def test_undecided(arbredis):
    arbredis.run(scenario("open", Undecided())).assert_valid()
"""

BOT = """
from pytest_arbredis import subjects

class Bot:
    name = "my own bot"

    def open(self, endpoints):
        return subjects.from_url().open(endpoints)

def make():
    return Bot()

def fails():
    raise OSError("no key")
"""


@pytest.mark.thorough
def test_subject_keep_and_inconclusive(inner, pytester, monkeypatch):
    pytester.makepyfile(SCENARIO, mybot=BOT)
    runs = pytester.path / "kept"
    result = inner(
        "-p", "no:xdist", "-rsf", "--arbredis-subject=mybot:make", "--arbredis-keep=none", "--arbredis-runs-dir=kept"
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED *::test_undecided - INCONCLUSIVE milk_is_fresh: by my own bot"])
    assert [path.name for path in runs.iterdir() if not path.name.startswith(".")] == []
    assert "folder: " not in str(result.stdout)
    monkeypatch.setenv("ARBREDIS_INCONCLUSIVE", "skip")
    result = inner("-p", "no:xdist", "-rs", "--arbredis-keep=all", "--arbredis-runs-dir=kept")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * INCONCLUSIVE milk_is_fresh: by redis-py *"])
    assert len([path for path in runs.iterdir() if path.is_dir() and not path.is_symlink()]) == 2
    refused = inner("--arbredis-subject=mybot:fails")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    assert "the factory 'mybot:fails' failed: OSError: no key" in str(refused.stderr)


PORTS = """
import pytest


@pytest.mark.arbredis(topology="single")
def test_primary(redis_url, redis_direct_url):
    assert redis_url.endswith(":{primary}/0")
    assert not redis_direct_url.endswith(":{primary}/0")


def test_all(redis_url, redis_sentinel_urls, redis_client, redis_topology):
    assert redis_url.endswith(":{primary}/0") and redis_client.ping()
    assert redis_sentinel_urls[0].endswith(":{sentinel}") or redis_sentinel_urls[0].endswith(":{sentinel}/0")
    assert redis_topology.nodes[1].proxied[1] == {n1}
"""


@pytest.mark.thorough
def test_fixed_ports(inner, pytester):
    primary, sentinel, second = [port for port in range(17379, 17999) if is_free(port)][:3]
    pytester.makepyfile(PORTS.format(primary=primary, sentinel=sentinel, n1=second))
    ports = f"--arbredis-port=primary={primary}", f"--arbredis-port=sentinel={sentinel}", f"--arbredis-port=n1={second}"
    inner("-p", "no:xdist", *ports).assert_outcomes(passed=2)
    pytester.makeini(f"[pytest]\narbredis_port = primary={primary}, sentinel={sentinel}, n1={second}\n")
    inner("-p", "no:xdist", "-k", "all").assert_outcomes(passed=1, deselected=1)


MARKED = """
import pytest, redis


def loaded(client):
    client.set("loaded", "v")


@pytest.mark.arbredis(topology="single", launcher="process", proxy="toxiproxy")
def test_means(redis_topology):
    assert "process (asked for)" in redis_topology.deployment.described["launcher"]


@pytest.mark.arbredis(topology="single", conf="my.conf", password="s3cret", load=loaded)
def test_conf_and_password(redis_client, redis_url, redis_env, request):
    assert redis_client.config_get("maxmemory") == {"maxmemory": str(64 * 1024**2)}
    assert "s3cret" in redis_url
    with redis.from_url(redis_url) as client:
        assert client.get("loaded") == b"v"
    with redis.from_url(redis_url.replace("s3cret", "wrong")) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    assert False, "on purpose"


@pytest.mark.arbredis(topology="replicated", replicas=1, load=loaded, version="VERSION")
def test_load_and_version(redis_client, redis_topology):
    assert redis_client.get("loaded") == b"v"
    assert len(redis_topology.nodes) == 2 and not redis_topology.sentinels


@pytest.mark.arbredis(sentinels=1, replicas=1, sentinel_conf={"down-after-milliseconds": 777}, password="s3cret")
def test_sentinel_conf(redis_sentinel, redis_sentinel_urls, redis_async_client, redis_primary_url):
    import asyncio
    (known,) = redis_sentinel.sentinels
    with redis.from_url(redis_sentinel_urls[0]) as client:
        assert client.sentinel_master("arbredis")["down-after-milliseconds"] == 777
    with redis_sentinel.master_for("arbredis") as client:
        assert client.set("k", "v")
    assert asyncio.run(redis_async_client.get("k")) == b"v"
    with redis.from_url(redis_primary_url) as client:
        assert client.get("k") == b"v"


@pytest.mark.arbredis(topology="single", acl="users.acl")
def test_acl(redis_url, redis_client):
    with redis.from_url(redis_url.replace("redis://", "redis://bot:pw@")) as client:
        assert client.get("k") is None
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.set("k", "v")


@pytest.mark.arbredis(topology="single", tls=True, password="s3cret")
def test_tls(redis_url, redis_direct_url, redis_client, redis_recorder, faults):
    assert redis_url.startswith("rediss://")
    with redis.from_url(redis_url) as client, redis.from_url(redis_direct_url) as past:
        assert client.set("k", "v")
        assert past.get("k") == b"v"
    with faults.latency("primary", ms=20):
        assert redis_client.get("k") == b"v"
    (op,) = redis_recorder.operations("GET")
    assert op.attempts == 1 and op.node == "n0"
"""


def test_arguments_of_the_marker(inner, pytester):
    (pytester.path / "my.conf").write_text("maxmemory 64mb\n")
    users = "user default on nopass ~* &* +@all\nuser bot on >pw ~* +get +hello +client\n"
    (pytester.path / "users.acl").write_text(users)
    version = subprocess.run([find_redis(), "--version"], capture_output=True, text=True, check=True)
    pytester.makepyfile(MARKED.replace("VERSION", version.stdout.split(" v=")[1].split()[0]))
    result = inner("-p", "no:xdist")
    result.assert_outcomes(passed=5, failed=1)
    section = str(result.stdout).split("- arbredis -")[1].split("short test summary")[0]
    assert "topology single with a password, data" in section
    assert "s3cret" not in section
