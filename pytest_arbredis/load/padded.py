"""A workload with longer values: replies that take their time on a narrow or crumbling link."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.load.workloads import Planned, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Padded:
    """The operations of another workload, each text of its input filled up to `bytes` letters: it stays unique."""

    workload: Workload
    bytes: int

    def __post_init__(self) -> None:
        if self.bytes < 1:
            raise UsageError(f"values of bytes={self.bytes!r}", remedy="give 1 or more")

    @property
    def rate_hz(self) -> float:
        """As of the other."""
        return self.workload.rate_hz

    @property
    def clients(self) -> int:
        """As of the other."""
        return self.workload.clients

    @property
    def precise(self) -> bool:
        """As of the other."""
        return self.workload.precise

    @property
    def floor(self) -> bool:
        """As of the other."""
        return self.workload.floor

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:
        """The other's plan."""
        for planned in self.workload.plan(client=client, seed=seed, run=run, seconds=seconds):
            value = planned.input
            yield replace(planned, input=value.ljust(self.bytes, ".")) if isinstance(value, str) else planned


def padded(workload: Workload, *, bytes: int) -> Padded:
    """The same operations with values of so many letters."""
    return Padded(workload=workload, bytes=bytes)
