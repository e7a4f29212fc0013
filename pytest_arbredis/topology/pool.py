"""Deployments kept by their specification: started once, reset before each use, rebuilt where a reset fails."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pytest_arbredis.errors import ArbredisError
from pytest_arbredis.topology.deploy import deploy_with
from pytest_arbredis.topology.means import Chosen, Means, choose
from pytest_arbredis.topology.places import Places
from pytest_arbredis.topology.spec import Topology

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from pytest_arbredis.topology.deployment import Deployment

MOST_ALIVE = 2
THERE = Topology(kind="single")
"""What servers that somebody else started are kept by: they are the same, whatever is asked for."""


class DeploymentPool:
    """At most two deployments alive; the one used longest ago makes room for another.

    Where the machine carries as many as it should (`places.py`), or ports are fixed, it is one at a time.
    """

    def __init__(self, means: Means, *, places: Places | None = None) -> None:
        self.means = means
        self._places = places or Places()
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

    def take(self, spec: Topology, *, alone: bool = False) -> Deployment:
        """A settled deployment without data or faults: reset, or rebuilt where that is not possible.

        `alone`: the others are ended, so that nothing of ours takes the processor beside it.
        """
        chosen = self.chosen
        self.used = True
        key = _key(spec, chosen)
        deployment = self._alive.pop(key, None)
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
            deployment = self._deploy(spec, chosen)
            deployment.empty()
        while alone and self._alive:
            self._end_oldest()
        self._alive[key] = deployment
        deployment.unsuited = deployment.suit(spec)
        return deployment

    def _deploy(self, spec: Topology, chosen: Chosen) -> Deployment:
        """A new deployment, on a place of its own where there is one or can be made."""
        while len(self._alive) >= MOST_ALIVE or (chosen.ports and self._alive):
            self._end_oldest()
        place = self._places.take()
        while place is None and self._alive:
            self._end_oldest()
            place = self._places.take()
        try:
            deployment = deploy_with(spec, chosen)
        except BaseException:
            if place is not None:
                place.release()
            raise
        if place is not None:
            deployment.at_end(place.release)
        return deployment

    def _end_oldest(self) -> None:
        self._alive.pop(next(iter(self._alive))).close()

    @contextlib.contextmanager
    def hold(self, spec: Topology) -> Iterator[Deployment]:
        """A settled deployment that nobody else is given, and nothing resets or ends, until the block does."""
        deployment = self.take(spec)
        key = _key(spec, self.chosen)
        del self._alive[key]
        try:
            yield deployment
        except BaseException:
            deployment.close()
            raise
        if key in self._alive or len(self._alive) >= MOST_ALIVE:
            deployment.close()
        else:
            self._alive[key] = deployment

    def close(self) -> None:
        """End all deployments but those that are held. Idempotent."""
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


def _key(spec: Topology, chosen: Chosen) -> Topology:
    return spec if chosen.external is None else THERE
