"""A workload of requests that a limit must hold back: all clients ask at once, again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.load.workloads import Planned, key_prefix, require_clients

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """Every `every_ms` all clients ask for one request of one account, `take`, at the same time.

    The first client asks also how long the window's key lives, `ttl`, between the bursts.
    """

    clients: int
    every_ms: int = 100
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
        key = f"{key_prefix(run)}limit"
        at_ns = 0
        while at_ns < seconds * NS_PER_S:
            yield Planned(offset_ns=at_ns, name="take", key=key)
            if client == 0:
                yield Planned(offset_ns=at_ns + self.every_ms * NS_PER_MS // 2, name="ttl", key=key)
            at_ns += self.every_ms * NS_PER_MS
