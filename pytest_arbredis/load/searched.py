"""A workload that ends with one look at everything that it has left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_S
from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.workloads import Planned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.load.workloads import Workload

SEARCH = "search"
"""The last operation: a read of its key, after a look at everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """`of` until `until_s`; then the first client does one `search`, on the key that it used last, and that is all."""

    of: Workload
    until_s: float
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        if not self.until_s > 0:
            raise UsageError(f"until_s={self.until_s!r}", remedy="give seconds above 0")

    @property
    def rate_hz(self) -> float:
        """As the workload has it."""
        return self.of.rate_hz

    @property
    def clients(self) -> int:
        """As the workload has it."""
        return self.of.clients

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:
        """The operations of one client."""
        key = ""
        for one in self.of.plan(client=client, seed=seed, run=run, seconds=min(seconds, self.until_s)):
            key = one.key
            yield one
        if client == 0 and key and self.until_s < seconds:
            yield Planned(offset_ns=int(self.until_s * NS_PER_S), name=SEARCH, key=key)


def searched(of: Workload, *, until_s: float) -> Searched:
    """A workload that ends with one `search`."""
    return Searched(of=of, until_s=until_s)
