"""The harness of one pytest session (or one worker of it): deployments, runs, and what a failing test is told."""

from __future__ import annotations

import contextlib
import random
import shlex
from typing import TYPE_CHECKING

from pytest_arbredis.errors import UsageError
from pytest_arbredis.options import ITEM, SESSION, VIEW, choice, means_of, read, runs_dir_of, seed_of, subject_of
from pytest_arbredis.views.judged import Judged
from pytest_arbredis.views.marker import specification_of
from pytest_arbredis.views.topology import TopologyView

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from pytest_arbredis.report.result import RunResult
    from pytest_arbredis.scenario import Scenario
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.means import Means
    from pytest_arbredis.topology.pool import DeploymentPool
    from pytest_arbredis.views.marker import Specification

__all__ = ["Arbredis", "Judged", "TopologyView", "of"]


def of(config: pytest.Config) -> Arbredis:
    """The session's harness, made when it is first asked for and closed with the configuration."""
    if SESSION not in config.stash:
        config.stash[SESSION] = Arbredis(config)
        config.add_cleanup(config.stash[SESSION].close)
    return config.stash[SESSION]


class Arbredis:
    """Runs scenarios, and gives tests their topology."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.means = means_of(config)
        self.seed = seed_of(config)
        self.runs_dir = runs_dir_of(config)
        self.subject = subject_of(config)
        self.worker = str(getattr(config, "workerinput", {}).get("workerid", "main"))
        self.results: list[RunResult] = []
        """What the present test has run, and was not told of yet."""
        self.ran: list[RunResult] = []
        """All that the present test has run."""
        self.wide: dict[str, TopologyView] = {}
        """Topologies of a scope wider than a test, by the name of their fixture."""
        self._listed = 0
        """How many of them a report of the test has."""
        self._injected: dict[str, int] = {}
        self._pools: dict[Means, DeploymentPool] = {}

    def begin(self) -> None:
        """A test begins: nothing has run."""
        self.results, self.ran, self._listed = [], [], 0
        self._injected = {name: view.injected for name, view in self.wide.items()}

    def pool_of(self, means: Means) -> DeploymentPool:
        """The deployments of these means; what other means left alive ends, but for what a fixture holds."""
        from pytest_arbredis.topology.pool import DeploymentPool

        for other, pool in self._pools.items():
            if other != means:
                pool.close()
        if means not in self._pools:
            self._pools[means] = DeploymentPool(means)
        return self._pools[means]

    @property
    def pool(self) -> DeploymentPool:
        """The deployments of the means that the options name."""
        return self.pool_of(self.means)

    @property
    def chosen(self) -> str:
        """The launcher of the options, and why it was chosen."""
        return _chosen(self.pool)

    @property
    def used(self) -> list[str]:
        """The launchers that something was deployed with, and why."""
        return [_chosen(pool) for pool in self._pools.values() if pool.used]

    def run(self, scenario: Scenario, *, seed: int | None = None) -> Judged:
        """Run a scenario on real servers and judge it. The folder of the run keeps everything.

        `--arbredis-subject` replaces its subject; a scenario that cannot judge it is not run. The test's marker may say
        with which launcher.
        """
        from pytest_arbredis.run import not_run, run
        from pytest_arbredis.scenario import Scenario
        from pytest_arbredis.subjects.fitting import why_not

        if not isinstance(scenario, Scenario):
            raise UsageError(f"{scenario!r} is not a Scenario", remedy="pass a pytest_arbredis.Scenario value")
        seed = self.seed if seed is None else seed
        if self.subject is not None:
            if why := why_not(scenario, self.subject):
                return self._judged(not_run(scenario, why, seed=seed), absent="skip")
            scenario = scenario.with_subject(self.subject)
        item = self.config.stash.get(ITEM, None)
        means = self.means if item is None else specification_of(item).means
        result = run(
            scenario,
            self.pool_of(means),
            seed=seed,
            runs_dir=self.runs_dir,
            worker=self.worker,
            keep=choice(self.config, "keep"),
            replay="" if item is None else f"pytest {shlex.quote(item.nodeid)} --arbredis-seed {seed}",
        )
        return self._judged(result, absent=read(self.config, "inconclusive") or "skip")

    def _judged(self, result: RunResult, *, absent: str) -> Judged:
        self.results.append(result)
        self.ran.append(result)
        lenient = choice(self.config, "inconclusive") == "skip"
        return Judged(result, _untold=self.results, _lenient=lenient, _absent=absent)

    def unlisted(self) -> list[RunResult]:
        """What the present test has run since this was last asked."""
        fresh, self._listed = self.ran[self._listed :], len(self.ran)
        return fresh

    @contextlib.contextmanager
    def view(self, item: pytest.Item) -> Iterator[TopologyView]:
        """The topology that a test's marker asks for: reset before, healed and whole after."""
        wanted = specification_of(item)
        deployment = suited(self.pool_of(wanted.means).take(wanted.topology))
        with self._watched(deployment, run=item.nodeid) as view:
            item.stash[VIEW] = view
            yield view

    @contextlib.contextmanager
    def wide_view(self, wanted: Specification, *, name: str) -> Iterator[TopologyView]:
        """A topology that one fixture holds for all of its scope: nobody else is given it, and nothing resets it."""
        import pytest

        with self.pool_of(wanted.means).hold(wanted.topology) as deployment:
            with self._watched(suited(deployment), run=name) as view:
                self.wide[name] = view
                try:
                    yield view
                finally:
                    del self.wide[name]
            if complaints := view.complaints():
                pytest.fail("\n".join(complaints), pytrace=False)

    @contextlib.contextmanager
    def _watched(self, deployment: Deployment, *, run: str) -> Iterator[TopologyView]:
        """A view with a history of its own; at the end its faults are healed, and the topology is whole."""
        from pytest_arbredis.faults.nemesis import Nemesis
        from pytest_arbredis.history.recorder import Recorder
        from pytest_arbredis.history.records import Header
        from pytest_arbredis.topology.observer import Observer

        with contextlib.ExitStack() as undo:
            path = deployment.root / f"test-{random.getrandbits(48):012x}.jsonl"
            recorder = undo.enter_context(Recorder(path, Header(run=run, seed=self.seed, subject=run)))
            undo.enter_context(Observer(deployment, recorder))
            nemesis = undo.enter_context(Nemesis(deployment, recorder))
            view = TopologyView(
                deployment=deployment, nemesis=nemesis, recorder=recorder, path=path, seed=self.seed, undo=undo
            )
            yield view
            view.faults.rest()
            nemesis.heal_all()
            deployment.settled()

    def views_of(self, item: pytest.Item) -> list[TopologyView]:
        """The topologies that a test uses: its own, and those of wider scope by the names of their fixtures."""
        own = item.stash.get(VIEW, None)
        names = getattr(item, "fixturenames", ())
        return [*([own] if own is not None else []), *(view for name, view in self.wide.items() if name in names)]

    @contextlib.contextmanager
    def judging(self, item: pytest.Item) -> Iterator[None]:
        """Around the call of a test: what its faults and budgets say of it, and its properties for JUnit."""
        import pytest

        from pytest_arbredis.views.budget import judge
        from pytest_arbredis.views.properties import add_properties
        from pytest_arbredis.views.telling import unhidden

        since = {name: self._injected.get(name, view.injected) for name, view in self.wide.items()}
        try:
            with unhidden(item):
                yield
                own = item.stash.get(VIEW, None)
                complaints = [] if own is None else own.complaints()
                for name, first in since.items():
                    complaints += self.wide[name].complaints(first)
                if complaints:
                    pytest.fail("\n".join(complaints), pytrace=False)
                judge(item, own)
        finally:
            add_properties(item, self.views_of(item), self.ran)

    def stories(self) -> list[str]:
        """What became of the scenarios that the present test ran, but for the one that it failed with."""
        from pytest_arbredis.report.text import explanation

        told, self.results = self.results, []
        return [explanation(result) for result in told]

    def close(self) -> None:
        """End all servers."""
        for pool in self._pools.values():
            pool.close()


def _chosen(pool: DeploymentPool) -> str:
    return f"launcher {pool.chosen.name} ({pool.chosen.why})"


def suited(deployment: Deployment) -> Deployment:
    """The deployment itself; a usage error if servers that somebody else started are not what the test asks for."""
    if deployment.unsuited:
        raise UsageError(
            f"the external servers are not what this test asks for: {deployment.unsuited}",
            remedy="give the test another marker or launcher, or give the drill other servers",
        )
    return deployment
