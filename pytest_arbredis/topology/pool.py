"""Deployments kept by their specification: started once, reset before each use, rebuilt where a reset fails."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pytest_arbredis.errors import ArbredisError
from pytest_arbredis.topology.deploy import deploy_with
from pytest_arbredis.topology.means import Chosen, Means, choose

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.spec import Topology

MOST_ALIVE = 2


class DeploymentPool:
    """At most two deployments alive; the one used longest ago makes room for a third."""

    def __init__(self, means: Means) -> None:
        self.means = means
        self._chosen: Chosen | None = None
        self._refused: ArbredisError | None = None
        self._alive: dict[Topology, Deployment] = {}
        self.used = False

    @property
    def chosen(self) -> Chosen:
        """The launcher, chosen when it is first needed; what could not be had then is not looked for again."""
        if self._refused is not None:
            raise self._refused
        if self._chosen is None:
            try:
                self._chosen = choose(self.means)
            except ArbredisError as error:
                self._refused = error
                raise
        return self._chosen

    def take(self, spec: Topology) -> Deployment:
        """A settled deployment without data or faults: reset, or rebuilt where that is not possible."""
        chosen = self.chosen
        self.used = True
        deployment = self._alive.pop(spec, None)
        if deployment is not None:
            try:
                deployment.reset()
            except ArbredisError:
                deployment.close()
                deployment = None
            except BaseException:
                deployment.close()
                raise
        if deployment is None:
            while len(self._alive) >= MOST_ALIVE:
                self._alive.pop(next(iter(self._alive))).close()
            deployment = deploy_with(spec, chosen)
        self._alive[spec] = deployment
        return deployment

    def close(self) -> None:
        """End all deployments. Idempotent."""
        ending = [self._alive.popitem()[1] for _ in range(len(self._alive))]
        with ThreadPoolExecutor(MOST_ALIVE) as threads:
            for ended in [threads.submit(deployment.close) for deployment in ending]:
                ended.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
