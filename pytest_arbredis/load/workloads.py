"""Workloads: what is asked of the subject, and when, as frozen values.

A workload is open-loop: it says when each operation is wanted, whatever became of those before it. The same seed gives
the same operations at the same offsets.
"""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_arbredis._clock import NS_PER_S
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.cas_registers import OnCasRegisters
    from pytest_arbredis.load.messages import Messages
    from pytest_arbredis.load.objects import Model, OnObjects

COMMANDS = ("GET", "SET", "PUBLISH")
"""What `commands` can send."""

FLOOR = "PING"
"""The operation that measures the noise floor, on a raw socket of the harness."""


FLOOR_EVERY = 5
"""Cycles of a plan of commands from one of these to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One operation of the plan, wanted `offset_ns` after the load began."""

    offset_ns: int
    name: str
    key: str
    input: Json = None


class Workload(Protocol):
    """What the runner needs of a workload."""

    @property
    def rate_hz(self) -> float:
        """Operations a second, over all clients."""
        ...

    @property
    def clients(self) -> int:
        """How many clients, each with a thread and a session of its own."""
        ...

    @property
    def precise(self) -> bool:
        """Whether the last 100 µs before an operation are spun, not slept."""
        ...

    @property
    def floor(self) -> bool:
        """Whether the plan has `PING` operations for a raw socket of the harness."""
        ...

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:
        """The operations of one client, by time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueWrites:
    """Each write has a key and a value of its own; a read reads a key that its client wrote earlier."""

    rate_hz: float
    clients: int
    read_share: float = 0.0
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        require_clients(self.rate_hz, self.clients)
        if not 0 <= self.read_share < 1:
            raise UsageError(f"read_share is {self.read_share!r}", remedy="give a share from 0 up to, not including, 1")

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:
        """Writes and reads of one client; half of the reads are of its last write."""
        chance = random.Random(f"{seed}:{client}")
        written = 0
        for offset_ns in offsets(self, client, seconds):
            if written and chance.random() < self.read_share:
                number = written - 1 if chance.random() < 0.5 else chance.randrange(written)
                yield Planned(offset_ns=offset_ns, name="read", key=_key(run, client, number))
            else:
                value = f"v{client}.{written}"
                yield Planned(offset_ns=offset_ns, name="write", key=_key(run, client, written), input=value)
                written += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Increments:
    """Each increment has a key of its own: its final value is how often it was applied."""

    rate_hz: float
    clients: int
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        require_clients(self.rate_hz, self.clients)

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:  # noqa: ARG002 - chance has no part in it
        """Increments by one of one client."""
        for number, offset_ns in enumerate(offsets(self, client, seconds)):
            yield Planned(offset_ns=offset_ns, name="increment", key=_key(run, client, number), input=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """Single commands for latency budgets, from one client, with the noise floor between them."""

    rate_hz: float
    names: tuple[str, ...]
    floor: bool
    clients: int = 1
    precise: bool = True

    def __post_init__(self) -> None:
        require_clients(self.rate_hz, self.clients)
        for name in self.names:
            if name not in COMMANDS:
                raise UsageError.unknown("command", name, COMMANDS)
        if not self.names:
            raise UsageError("no commands to send", remedy=f"give some of: {', '.join(COMMANDS)}")

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:
        """Every command once a cycle, the floor once in some cycles, in an order that chance draws for each cycle."""
        chance = random.Random(f"{seed}:{client}")
        cycles = itertools.count()
        order: list[str] = []
        for number, offset_ns in enumerate(offsets(self, client, seconds)):
            if not order:
                floor = self.floor and next(cycles) % FLOOR_EVERY == 0
                order = [*self.names, FLOOR] if floor else [*self.names]
                chance.shuffle(order)
            name = order.pop()
            value = f"v{client}.{number}" if name in {"SET", "PUBLISH"} else None
            yield Planned(offset_ns=offset_ns, name=name, key=_key(run, client, 0), input=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoOperations:
    """Nothing is asked of the subject: it works by itself, and is judged by what the servers saw and keep."""

    rate_hz: float = 0.0
    clients: int = 1
    precise: bool = False
    floor: bool = False

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:  # noqa: ARG002 - there is none
        """No operation at all."""
        return iter(())


def none() -> NoOperations:
    """No operations of ours: for a black box, a bot that works by itself."""
    return NoOperations()


def unique_writes(rate_hz: float, clients: int, read_share: float = 0.0) -> UniqueWrites:
    """Writes of unique values to keys of their own, and reads of what the same client wrote."""
    return UniqueWrites(rate_hz=rate_hz, clients=clients, read_share=read_share)


def increments(rate_hz: float, clients: int) -> Increments:
    """Increments, each of a key of its own."""
    return Increments(rate_hz=rate_hz, clients=clients)


def commands(rate_hz: float = 3000, names: tuple[str, ...] = COMMANDS, *, floor: bool = True) -> Commands:
    """Single commands from one client at `rate_hz`, the raw-socket PING of the noise floor included."""
    return Commands(rate_hz=rate_hz, names=tuple(names), floor=floor)


def messages(rate_hz: float, clients: int, receive_every: int = 10) -> Messages:
    """Unique messages on a channel for each client, which receives them at every `receive_every`-th operation."""
    from pytest_arbredis.load.messages import Messages

    return Messages(rate_hz=rate_hz, clients=clients, receive_every=receive_every)


def on_objects(model: Model, rate_hz: float, clients: int, *, keys: int = 4, change_share: float = 0.5) -> OnObjects:
    """Operations on a few objects of one kind (register, counter, queue, append-log, set) that all clients share."""
    from pytest_arbredis.load.objects import OnObjects

    return OnObjects(model=model, rate_hz=rate_hz, clients=clients, keys=keys, change_share=change_share)


def on_cas_registers(rate_hz: float, clients: int, *, keys: int = 1) -> OnCasRegisters:
    """Compare-and-set, writes and reads of a few values, on registers that all clients share."""
    from pytest_arbredis.load.cas_registers import OnCasRegisters

    return OnCasRegisters(rate_hz=rate_hz, clients=clients, keys=keys)


def key_prefix(run: str) -> str:
    """What all keys of a run begin with."""
    return f"arbredis:{run}:"


def _key(run: str, client: int, number: int) -> str:
    return f"{key_prefix(run)}{client}:{number}"


def offsets(workload: Workload, client: int, seconds: float) -> Iterator[int]:
    """When a client's operations are wanted: evenly over time, the clients staggered between one another."""
    end = int(seconds * NS_PER_S)
    for number in itertools.count():
        offset = int((number * workload.clients + client) * NS_PER_S / workload.rate_hz)
        if offset >= end:
            return
        yield offset


def require_clients(rate_hz: float, clients: int) -> None:
    """Refuse a rate or a number of clients that no load could keep."""
    if not (math.isfinite(rate_hz) and rate_hz > 0):
        raise UsageError(f"rate_hz is {rate_hz!r}", remedy="give operations a second, above 0")
    if type(clients) is not int or clients < 1:
        raise UsageError(f"clients is {clients!r}", remedy="give a whole number of clients, at least 1")
    if clients > rate_hz:
        raise UsageError(
            f"{clients} clients share {rate_hz:g} operations a second", remedy="give at most rate_hz clients"
        )
