"""Workloads of requests that a limit must hold back: all clients at once, or each for accounts of its own."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.load.workloads import Planned, key_prefix, require_clients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.load.workloads import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """Every `every_ms` all clients ask for one request of one account, `take`, at the same time.

    With several `names` the clients have them in turn. The first client asks also how long the window's key lives,
    `ttl`, between the bursts.
    """

    clients: int
    every_ms: int = 100
    names: tuple[str, ...] = ("take",)
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        require_clients(self.rate_hz, self.clients)

    @property
    def rate_hz(self) -> float:
        """Requests a second, over all clients."""
        return self.clients * 1000 / self.every_ms

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:  # noqa: ARG002 - chance has no part in it
        """Requests of one client."""
        key, name = f"{key_prefix(run)}limit", self.names[client % len(self.names)]
        at_ns = 0
        while at_ns < seconds * NS_PER_S:
            yield Planned(offset_ns=at_ns, name=name, key=key)
            if client == 0:
                yield Planned(offset_ns=at_ns + self.every_ms * NS_PER_MS // 2, name="ttl", key=key)
            at_ns += self.every_ms * NS_PER_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The operations of another workload, and beside them requests, `take`, of accounts that each client has alone.

    Every client asks for one request of each of its `accounts` within `every_ms`, one after another.
    """

    workload: Workload
    accounts: int
    every_ms: int
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        require_clients(self.accounts * 1000 / self.every_ms, 1)

    @property
    def clients(self) -> int:
        """As of the other."""
        return self.workload.clients

    @property
    def rate_hz(self) -> float:
        """Operations a second, requests included."""
        return self.workload.rate_hz + self.clients * self.accounts * 1000 / self.every_ms

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:
        """Both, by time."""
        others = self.workload.plan(client=client, seed=seed, run=run, seconds=seconds)
        return heapq.merge(others, self._requests(client, run, seconds), key=lambda planned: planned.offset_ns)

    def _requests(self, client: int, run: str, seconds: float) -> Iterator[Planned]:
        step_ns = self.every_ms * NS_PER_MS // self.accounts
        for number in range(int(seconds * NS_PER_S) // step_ns):
            key = f"{key_prefix(run)}account:{client}:{number % self.accounts}"
            yield Planned(offset_ns=number * step_ns, name="take", key=key)
