"""What is shown of every fault on real servers: in force when `inject` returns, felt, healed; no lie about it passes.

Each fault has a `Case`; `assert_in_force_felt_and_healed` and `assert_found_out` are what every case is put through.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pytest_arbredis import topologies
from pytest_arbredis.errors import ArbredisError
from pytest_arbredis.faults.nemesis import Nemesis
from pytest_arbredis.history.jsonl import load
from pytest_arbredis.testing.null_control import NullControl
from pytest_arbredis.topology import baseline
from pytest_arbredis.topology.capabilities import lacking

if TYPE_CHECKING:
    from collections.abc import Callable

SENTINEL = topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"})
"""The topology of most cases, as of most shipped scenarios: deployed once."""

PLAIN = {"socket_timeout": 0.5, "retry": Retry(NoBackoff(), 0)}
"""Arguments of an ordinary client that gives up soon and repeats nothing."""

LIE_SEEN_THROUGH_S = 0.6
"""How long a probe looks in vain here: long enough for any real effect on this topology."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fault, how an ordinary client feels it, what its evidence reads like, and who could lie about it.

    `felt(client, deployment)` asserts what a client of the primary notices; the client connected before and has set
    `k` to `before`. `evidence` is a pattern for the whole text. `lie` is one of those below.
    """

    fault: Any
    evidence: str
    felt: Callable[[redis.Redis, Any], None]
    lie: Callable[[Any, pytest.MonkeyPatch], None]
    target: str = "primary"
    topology: Any = SENTINEL
    launchers: tuple[str, ...] = ("process", "docker")
    file_clean_of: tuple[str, ...] = field(default=())
    """Directives that the fault sets: none of them is in a configuration file afterwards."""


def client_of(deployment):
    """An ordinary client of the primary, through its proxy, connected, with `k` set to `before`."""
    host, port = deployment.primary().proxied
    client = redis.Redis(host=host, port=port, **PLAIN)
    client.set("k", "before")
    return client


def able(deployment, case):
    """The deployment; a fault that needs a right which this user has not is skipped with the reason."""
    if why := lacking(deployment, case.fault.nature.needs):
        pytest.skip(f"{case.fault.name}: {why}")
    return deployment


def assert_in_force_felt_and_healed(pool, recorder, case):
    """Inject, read the evidence, feel it, heal; configuration and files are then as before, and writes are served."""
    deployment = able(pool.take(case.topology), case)
    values = {node.name: baseline.read_configuration(node) for node in deployment.nodes}
    with client_of(deployment) as client, Nemesis(deployment, recorder) as nemesis:
        injection = nemesis.inject(case.fault, case.target)
        assert injection.evidence is not None, f"{case.fault.name} was not observed"
        assert injection.evidence.source == "probe"
        assert re.fullmatch(case.evidence, injection.evidence.detail), injection.evidence.detail
        case.felt(client, deployment)
    assert not nemesis.in_force
    deployment.settled()
    assert not deployment.poisoned
    assert {node.name: baseline.read_configuration(node) for node in deployment.nodes} == values
    for node in deployment.nodes:
        text = (node.server.spec.directory / "redis.conf").read_text()
        assert not [name for name in case.file_clean_of if name in text]
    with client_of(deployment) as afterwards:
        assert afterwards.set("k", "after")
    (record,) = load(recorder.path).faults
    assert record.evidence == injection.evidence
    assert record.ended_ns is not None
    assert record.began_ns < record.evidence.at_ns <= record.ended_ns


def assert_found_out(pool, recorder, monkeypatch, case):
    """Inject where those who are asked say yes and do nothing: the fault is never observed."""
    deployment = able(pool.take(case.topology), case)
    nature = case.fault.nature
    monkeypatch.setattr(type(case.fault), "nature", replace(nature, observed_within_s=LIE_SEEN_THROUGH_S))
    nemesis = Nemesis(deployment, recorder)
    with monkeypatch.context() as lying:
        case.lie(deployment, lying)
        try:
            injection = nemesis.inject(case.fault, case.target)
        except ArbredisError:
            return  # noticed at once: as good
        assert injection.evidence is None, injection.evidence
    nemesis.heal_all()


class NullServer:
    """Accepts every signal and every start, and does neither."""

    def __init__(self, real):
        self.real = real

    def signal(self, number):
        """Nothing."""

    def start(self):
        """Nothing."""

    def __getattr__(self, name):
        return getattr(self.real, name)


class NullRedis:
    """Answers every question as the server does; every change is accepted and not made."""

    CHANGES = frozenset({"config_set", "config_rewrite", "set", "sentinel_failover", "unlink", "delete", "shutdown"})
    QUESTIONS = frozenset({"ROLE", "INFO", "PING", "CONFIG GET", "CLIENT LIST", "CLIENT ID", "DBSIZE", "EXISTS", "GET"})

    def __init__(self, real):
        self.real = real

    def __getattr__(self, name):
        return (lambda *_, **__: True) if name in self.CHANGES else getattr(self.real, name)

    def execute_command(self, *words, **options):
        said = {str(words[0]).upper(), " ".join(map(str, words[:2])).upper()}
        return self.real.execute_command(*words, **options) if said & self.QUESTIONS else "OK"


def lying_control(deployment, monkeypatch):
    """Toxiproxy says yes and does nothing."""
    monkeypatch.setattr(deployment, "control", NullControl(deployment.control))


def lying_server(deployment, monkeypatch):
    """Launcher and operating system say yes and do nothing."""
    for node in deployment.servers:
        monkeypatch.setattr(node, "server", NullServer(node.server))


def lying_redis(deployment, monkeypatch):
    """Redis and Sentinels say yes and do nothing."""
    for node in deployment.servers:
        monkeypatch.setitem(node.__dict__, "client", NullRedis(node.client))


def slow(client, _):
    """Served, later."""
    began = time.monotonic()
    assert client.get("k") == b"before"
    assert time.monotonic() - began >= 0.02


def unreachable(client, _):
    """No command gets through, on the old connection and on a new one."""
    for _attempt in range(2):
        with pytest.raises((redis.ConnectionError, redis.TimeoutError)):
            client.set("k", "during")
