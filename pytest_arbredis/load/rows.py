"""A workload of additions in rows: what became of any moment's additions is told by one counter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.apart import RECONCILE
from pytest_arbredis.load.workloads import Planned, key_prefix, offsets, require_clients

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedInRows:
    """The n-th addition of each client adds 1 to the n-th counter, until `writes_until_s`.

    So a counter is of one moment, and one that counts twice what another one lost is not lost in a sum. Then each
    operation is `reconcile`, and from `reads_from_s` on a `read`: the clients share the counters out among them.
    """

    rate_hz: float
    clients: int
    writes_until_s: float
    reads_from_s: float
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        require_clients(self.rate_hz, self.clients)
        if not 0 < self.writes_until_s <= self.reads_from_s:
            raise UsageError(
                f"writes until {self.writes_until_s!r} s and reads from {self.reads_from_s!r} s",
                remedy="give times above 0, in this order",
            )

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:  # noqa: ARG002 - chance has no part in it
        """Operations of one client."""
        added = asked = 0
        for offset_ns in offsets(self, client, seconds):
            if offset_ns < self.writes_until_s * 1e9:
                yield Planned(offset_ns=offset_ns, name="add", key=_row(run, added), input=1)
                added += 1
            elif offset_ns < self.reads_from_s * 1e9:
                yield Planned(offset_ns=offset_ns, name=RECONCILE, key=_row(run, 0))
            else:
                row = (client + asked * self.clients) % max(1, added)
                yield Planned(offset_ns=offset_ns, name="read", key=_row(run, row))
                asked += 1


def added_in_rows(rate_hz: float, clients: int, *, writes_until_s: float, reads_from_s: float) -> AddedInRows:
    """Additions to counters of one moment each, and reads of them once there was time to reconcile."""
    return AddedInRows(rate_hz=rate_hz, clients=clients, writes_until_s=writes_until_s, reads_from_s=reads_from_s)


def _row(run: str, number: int) -> str:
    return f"{key_prefix(run)}counter:{number}"
