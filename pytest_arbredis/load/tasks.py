"""A workload of tasks: some clients put them, others take and acknowledge them, or take them and die."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_S
from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.workloads import Planned, key_prefix, offsets, require_clients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.history.records import Json

IDLE_S = 0.3
"""Consumers begin so much later: what is put meanwhile waits, and what is valid for less gets stale."""

LEFT_FROM = 0.85
"""From this share of its operations on the first consumer only asks what is left: the last one may come too late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskWork:
    """One queue. The first client puts tasks until `puts_until` of the load is over; the others consume.

    Every `stale_every`-th task is valid for `valid_ms`. Consumers alternate `dequeue` and `ack`; while tasks are put,
    every `die_every`-th time it is `die` in the place of `ack`: what it has is forgotten, and a new consumer goes on.
    The first of them also calls `recover` in between, and from `LEFT_FROM` on asks what is `left`.
    """

    rate_hz: float
    clients: int
    puts_until: float = 0.6
    die_every: int = 8
    stale_every: int = 4
    valid_ms: int = 150
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        require_clients(self.rate_hz, self.clients)
        if self.clients < 3:
            raise UsageError(f"clients={self.clients!r}", remedy="give one that puts tasks, and two or more consumers")

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:  # noqa: ARG002 - chance has no part in it
        """Operations of one client."""
        key = f"{key_prefix(run)}queue"
        mine = list(offsets(self, client, seconds))
        if client == 0:
            yield from self._puts(key, [at for at in mine if at < self.puts_until * seconds * NS_PER_S])
        else:
            dying_ns = int(self.puts_until * seconds * NS_PER_S)
            yield from self._takes(key, [at for at in mine if at >= IDLE_S * NS_PER_S], client, dying_ns)

    def _puts(self, key: str, mine: list[int]) -> Iterator[Planned]:
        for number, offset_ns in enumerate(mine):
            value: Json = f"t{number}"
            if number % self.stale_every == self.stale_every - 1:
                value = {"value": value, "valid_ms": self.valid_ms}
            yield Planned(offset_ns=offset_ns, name="enqueue", key=key, input=value)

    def _takes(self, key: str, mine: list[int], client: int, dying_ns: int) -> Iterator[Planned]:
        turn = 2 * self.die_every
        for number, offset_ns in enumerate(mine):
            if client == 1 and number >= len(mine) * LEFT_FROM:
                name = "left"
            elif client == 1 and number % 8 == 6:
                name = "recover"
            elif number % 2 == 0:
                name = "dequeue"
            elif offset_ns < dying_ns and number % turn == turn - 1 - 2 * (client % self.die_every):
                name = "die"
            else:
                name = "ack"
            yield Planned(offset_ns=offset_ns, name=name, key=key)
