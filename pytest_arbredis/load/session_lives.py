"""A workload of sessions that are saved again when they are just old enough to go, or never; one client cleans up."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.workloads import Planned, key_prefix, require_clients

if TYPE_CHECKING:
    from collections.abc import Iterator

CLEAN = "clean"
"""The operation that deletes what is old; its key is nobody's."""

END = "delete"
"""The operation that ends a session."""

LEFT_EVERY = 3
"""One session of so many is saved once and left: it must go."""

ENDED_MS = 120
"""From one save of a session that is ended to the next, and from one end to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLives:
    """`keys` sessions that are old after `old_ms`, and `ended` others; the last client cleans up.

    A session is saved by one client, by chance 0 to a quarter of `old_ms` after it has become old, or once and never
    again. Of the others any client saves and ends any. All read all, `reads_hz` times a second.
    """

    clients: int
    keys: int
    ended: int
    old_ms: int
    clean_every_ms: int
    reads_hz: float
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        require_clients(self.rate_hz, self.clients)
        if self.clients < 2 or self.keys < self.clients or self.ended < 1:
            raise UsageError(
                f"{self.keys} and {self.ended} sessions of {self.clients} clients",
                remedy="give 2 clients or more, as many sessions at least, and one that is ended",
            )

    @property
    def rate_hz(self) -> float:
        """About so many operations a second, over all clients."""
        return self.reads_hz + self.keys * 1000 / self.old_ms + 1000 / self.clean_every_ms

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:
        """The operations of one client, by time."""
        end_ns = int(seconds * NS_PER_S)
        prefix = key_prefix(run)
        if client == self.clients - 1:
            for at_ns in range(0, end_ns, self.clean_every_ms * NS_PER_MS):
                yield Planned(offset_ns=at_ns, name=CLEAN, key=f"{prefix}cleaner")
            return
        chance = random.Random(f"{seed}:{client}")
        planned = [*self._saves(client, chance, end_ns), *self._ends(chance, end_ns), *self._reads(chance, end_ns)]
        for number, (at_ns, name, key) in enumerate(sorted(planned)):
            value = f"v{client}.{number}" if name == "write" else None
            yield Planned(offset_ns=at_ns, name=name, key=f"{prefix}{key}", input=value)

    def _saves(self, client: int, chance: random.Random, end_ns: int) -> Iterator[tuple[int, str, str]]:
        for number in range(client, self.keys, self.clients - 1):
            at_ns = int(chance.random() * self.old_ms * NS_PER_MS / 2)
            while at_ns < end_ns:
                yield at_ns, "write", f"kept:{number}"
                if number % LEFT_EVERY == 0:
                    break
                at_ns += int(self.old_ms * NS_PER_MS * (1 + chance.random() / 4))

    def _ends(self, chance: random.Random, end_ns: int) -> Iterator[tuple[int, str, str]]:
        every_ns = ENDED_MS * NS_PER_MS * (self.clients - 1) // self.ended
        for name in ("write", END):
            at_ns = int(chance.random() * every_ns)
            while at_ns < end_ns:
                yield at_ns, name, f"ended:{chance.randrange(self.ended)}"
                at_ns += every_ns

    def _reads(self, chance: random.Random, end_ns: int) -> Iterator[tuple[int, str, str]]:
        every_ns = int((self.clients - 1) * NS_PER_S / self.reads_hz)
        at_ns = int(chance.random() * every_ns)
        while at_ns < end_ns:
            number = chance.randrange(self.keys + self.ended)
            yield at_ns, "read", f"kept:{number}" if number < self.keys else f"ended:{number - self.keys}"
            at_ns += every_ns


def session_lives(
    *, clients: int, keys: int, ended: int, old_ms: int = 1000, clean_every_ms: int = 250, reads_hz: float = 250
) -> SessionLives:
    """Sessions that are saved just when they are old, saved once, or ended; and one client who cleans up."""
    return SessionLives(
        clients=clients, keys=keys, ended=ended, old_ms=old_ms, clean_every_ms=clean_every_ms, reads_hz=reads_hz
    )
