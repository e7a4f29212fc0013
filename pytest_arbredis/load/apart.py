"""Workloads for what falls apart while Redis is away: writes until then, a time to reconcile, and then only reads."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.workloads import Planned, key_prefix, offsets, require_clients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.load.workloads import Workload

RECONCILE = "reconcile"
"""The operation that lets a client bring what it has kept back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndsInReads:
    """`of` until `writes_until_s`; then each operation is `reconcile`, and from `reads_from_s` on a `read`."""

    of: Workload
    writes_until_s: float
    reads_from_s: float
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.writes_until_s <= self.reads_from_s:
            raise UsageError(
                f"writes until {self.writes_until_s!r} s and reads from {self.reads_from_s!r} s",
                remedy="give times above 0, in this order",
            )

    @property
    def rate_hz(self) -> float:
        """As the workload has it."""
        return self.of.rate_hz

    @property
    def clients(self) -> int:
        """As the workload has it."""
        return self.of.clients

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:
        """The same times to the end, with other operations on the keys that this client wrote, one after another."""
        keys: dict[str, None] = {}
        again: Iterator[str] | None = None
        for one in self.of.plan(client=client, seed=seed, run=run, seconds=seconds):
            if one.offset_ns < self.writes_until_s * 1e9:
                keys[one.key] = None
                yield one
            else:
                again = again or itertools.cycle(tuple(keys))
                name = RECONCILE if one.offset_ns < self.reads_from_s * 1e9 else "read"
                yield Planned(offset_ns=one.offset_ns, name=name, key=next(again, one.key))


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedApart:
    """Each client adds one unique element to each of a row of keys, one after another.

    From `apart_from_s` to `apart_until_s` all clients go through the same row of keys; before and after that each has
    keys of its own. So what several added was added by each without knowing of the others, if none could see them.
    """

    rate_hz: float
    clients: int
    apart_from_s: float
    apart_until_s: float
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        require_clients(self.rate_hz, self.clients)
        if not 0 < self.apart_from_s < self.apart_until_s:
            raise UsageError(
                f"apart from {self.apart_from_s!r} to {self.apart_until_s!r} s", remedy="give times above 0, in order"
            )

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:  # noqa: ARG002 - chance has no part in it
        """Additions by one client."""
        for number, offset_ns in enumerate(offsets(self, client, seconds)):
            apart = self.apart_from_s * 1e9 <= offset_ns < self.apart_until_s * 1e9
            key = f"{key_prefix(run)}set:{number}{'' if apart else f'.{client}'}"
            yield Planned(offset_ns=offset_ns, name="add", key=key, input=f"v{client}.{number}")


def ends_in_reads(of: Workload, *, writes_until_s: float, reads_from_s: float) -> EndsInReads:
    """A workload that stops writing, and reads the same keys once there was time to reconcile."""
    return EndsInReads(of=of, writes_until_s=writes_until_s, reads_from_s=reads_from_s)


def added_apart(rate_hz: float, clients: int, *, apart_from_s: float, apart_until_s: float) -> AddedApart:
    """Elements of sets that several clients add to for a while, and each by itself before and after that."""
    return AddedApart(rate_hz=rate_hz, clients=clients, apart_from_s=apart_from_s, apart_until_s=apart_until_s)
