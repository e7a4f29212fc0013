"""The harness of one pytest session (or one worker of it): deployments, runs, and what a failing test is told."""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_arbredis.errors import ArbredisError, UsageError
from pytest_arbredis.options import SESSION, VIEW, means_of, runs_dir_of, seed_of, topology_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest
    import redis
    from redis.asyncio import Redis as AsyncRedis
    from redis.sentinel import Sentinel

    from pytest_arbredis.faults.bench import FaultBench
    from pytest_arbredis.faults.nemesis import Nemesis
    from pytest_arbredis.history.history import History
    from pytest_arbredis.report.result import RunResult
    from pytest_arbredis.scenario import Scenario
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Address, Node
    from pytest_arbredis.topology.pool import DeploymentPool


def of(config: pytest.Config) -> Arbredis:
    """The session's harness, made when it is first asked for and closed with the configuration."""
    if SESSION not in config.stash:
        config.stash[SESSION] = Arbredis(config)
        config.add_cleanup(config.stash[SESSION].close)
    return config.stash[SESSION]


class Arbredis:
    """Runs scenarios, and gives tests their topology."""

    def __init__(self, config: pytest.Config) -> None:
        from pytest_arbredis.topology.pool import DeploymentPool

        self.config = config
        self.pool: DeploymentPool = DeploymentPool(means_of(config))
        self.seed = seed_of(config)
        self.runs_dir = runs_dir_of(config)
        self.worker = str(getattr(config, "workerinput", {}).get("workerid", "main"))
        self.results: list[RunResult] = []
        """What the present test has run; the hooks clear it."""

    @property
    def chosen(self) -> str:
        """The launcher, and why it was chosen."""
        return f"launcher {self.pool.chosen.name} ({self.pool.chosen.why})"

    def run(self, scenario: Scenario, *, seed: int | None = None) -> Judged:
        """Run a scenario on real servers and judge it. The folder of the run keeps everything."""
        from pytest_arbredis.run import run
        from pytest_arbredis.scenario import Scenario

        if not isinstance(scenario, Scenario):
            raise UsageError(f"{scenario!r} is not a Scenario", remedy="pass a pytest_arbredis.Scenario value")
        chosen = self.seed if seed is None else seed
        result = run(scenario, self.pool, seed=chosen, runs_dir=self.runs_dir, worker=self.worker)
        self.results.append(result)
        return Judged(result, _untold=self.results)

    @contextlib.contextmanager
    def view(self, item: pytest.Item) -> Iterator[TopologyView]:
        """The topology that a test's marker asks for: reset before, healed and whole after."""
        from pytest_arbredis.faults.nemesis import Nemesis
        from pytest_arbredis.history.recorder import Recorder
        from pytest_arbredis.history.records import Header
        from pytest_arbredis.topology.observer import Observer

        deployment = self.pool.take(topology_of(item))
        header = Header(run=item.nodeid, seed=self.seed, subject=item.nodeid)
        with contextlib.ExitStack() as undo:
            path = deployment.root / f"test-{random.getrandbits(48):012x}.jsonl"
            recorder = undo.enter_context(Recorder(path, header))
            undo.enter_context(Observer(deployment, recorder))
            nemesis = undo.enter_context(Nemesis(deployment, recorder))
            view = TopologyView(deployment=deployment, nemesis=nemesis, path=path, seed=self.seed)
            item.stash[VIEW] = view
            yield view
            view.faults.rest()
            nemesis.heal_all()
            deployment.settled()

    def stories(self) -> list[str]:
        """What became of the scenarios that the present test ran, but for the one that it failed with."""
        from pytest_arbredis.report.text import explanation

        told, self.results = self.results, []
        return [explanation(result) for result in told]

    def close(self) -> None:
        """End all servers."""
        self.pool.close()


@dataclass(frozen=True, slots=True)
class Judged:
    """A judged run, for a test."""

    result: RunResult
    _untold: list[RunResult] = field(default_factory=list, repr=False)

    @property
    def history(self) -> History | None:
        """Everything that happened."""
        return self.result.history

    def assert_valid(self) -> None:
        """Fail with the claim that broke and its proof; skip where only the machine's noise left a budget open."""
        import pytest

        from pytest_arbredis.checkers.verdict import Verdict
        from pytest_arbredis.report.text import failure_text

        if self.result.verdict is Verdict.VALID:
            return
        text = failure_text(self.result)
        self._untold[:] = [result for result in self._untold if result is not self.result]
        if self.result.only_noise:
            pytest.skip(text)
        pytest.fail(text, pytrace=False)


@dataclass(eq=False, repr=False)
class TopologyView:
    """What a test sees of its servers."""

    deployment: Deployment
    nemesis: Nemesis
    path: Path
    seed: int
    _bench: list[FaultBench] = field(default_factory=list)

    @property
    def faults(self) -> FaultBench:
        """Faults on this topology."""
        from pytest_arbredis.faults.bench import FaultBench

        if not self._bench:
            self._bench.append(FaultBench(self.nemesis))
        return self._bench[0]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All data nodes, n0 first."""
        return self.deployment.nodes

    @property
    def sentinels(self) -> tuple[Node, ...]:
        """All Sentinels."""
        return self.deployment.sentinels

    @property
    def primary(self) -> Node:
        """The node that is primary now."""
        return self.deployment.primary()

    @property
    def replicas(self) -> tuple[Node, ...]:
        """The running data nodes that are not primary now."""
        return self.deployment.replicas()

    @property
    def master_name(self) -> str:
        """The name that the Sentinels know the primary by."""
        from pytest_arbredis.topology.settled import MASTER_NAME

        return MASTER_NAME

    def client(self) -> redis.Redis:
        """A `redis.Redis` with the library's defaults to the present primary, through its proxy."""
        import redis

        host, port = self.primary.proxied
        return redis.Redis(host=host, port=port)

    def async_client(self) -> AsyncRedis:
        """A `redis.asyncio.Redis` to the present primary, through its proxy; unconnected, and the caller's to close."""
        import redis.asyncio

        host, port = self.primary.proxied
        return redis.asyncio.Redis(host=host, port=port)

    def sentinel(self) -> Sentinel:
        """A `redis.sentinel.Sentinel` that knows all Sentinels, through their proxies."""
        from redis.sentinel import Sentinel

        if not self.sentinels:
            raise UsageError("this topology has no Sentinels", remedy="use the marker arbredis(topology='sentinel')")
        return Sentinel([node.proxied for node in self.sentinels], socket_timeout=1.0)

    def settled(self, *, within_s: float | None = None) -> None:
        """Wait until the topology is whole: one primary, all links up, all Sentinels of one mind."""
        self.deployment.settled(within_s=within_s)

    @property
    def url(self) -> str:
        """Address of n0, the primary at the start, through its proxy."""
        return _url(self.nodes[0].proxied)

    @property
    def direct_url(self) -> str:
        """Address of n0, the primary at the start, past its proxy."""
        return _url(self.nodes[0].direct)

    @property
    def env(self) -> dict[str, str]:
        """Addresses as environment variables; all through proxies."""
        host, port = self.nodes[0].proxied
        env = {"REDIS_URL": self.url, "REDIS_HOST": host, "REDIS_PORT": str(port), "REDIS_DB": "0"}
        if self.sentinels:
            env["REDIS_SENTINELS"] = ",".join(f"{node.proxied[0]}:{node.proxied[1]}" for node in self.sentinels)
            env["REDIS_SENTINEL_MASTER"] = self.master_name
        return env

    def complaints(self) -> list[str]:
        """Of faults that nothing of the test has met."""
        return self._bench[0].complaints() if self._bench else []

    def story(self) -> str:
        """The section `arbredis` of a failing test: servers, faults, roles, Sentinels' events, last log lines."""
        from pytest_arbredis.history.jsonl import load
        from pytest_arbredis.report.story import story

        try:
            history = load(self.path)
        except (OSError, ArbredisError) as error:
            return f"the history could not be read: {error}"
        logs = {node.name: node.server.log_tail(5) for node in self.deployment.servers}
        return story(self.deployment.described, history, logs) + f"\nseed {self.seed}"

    def __repr__(self) -> str:
        return f"<{self.deployment.spec}, {', '.join(node.name for node in self.deployment.servers)}>"


def _url(address: Address) -> str:
    return f"redis://{address[0]}:{address[1]}/0"
