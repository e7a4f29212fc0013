"""A workload of messages: each client publishes unique ones to its own channel, and now and then receives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.workloads import Planned, key_prefix, offsets, require_clients

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """`rate_hz` operations a second over all clients; every `receive_every`-th of a client is a `receive`."""

    rate_hz: float
    clients: int
    receive_every: int = 10
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        require_clients(self.rate_hz, self.clients)
        if type(self.receive_every) is not int or self.receive_every < 2:
            raise UsageError(f"receive_every={self.receive_every!r}", remedy="use a whole number from 2 on")

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:  # noqa: ARG002 - chance has no part in it
        """Publishes and receives of one client."""
        channel = f"{key_prefix(run)}channel:{client}"
        for number, offset_ns in enumerate(offsets(self, client, seconds)):
            if number % self.receive_every == self.receive_every - 1:
                yield Planned(offset_ns=offset_ns, name="receive", key=channel)
            else:
                yield Planned(offset_ns=offset_ns, name="publish", key=channel, input=f"m{client}.{number}")
