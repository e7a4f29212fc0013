"""A workload of keys that must end: each is written once, and looked at until the load ends."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.workloads import Planned, key_prefix, offsets, require_clients

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """Each client writes keys of its own, of one kind after another, until `writes_until_s`.

    Between its writes it asks any of its keys how long that lives, and then one after the other: the operation is
    called as the key's kind.
    """

    kinds: tuple[str, ...]
    rate_hz: float
    clients: int
    writes_until_s: float
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        require_clients(self.rate_hz, self.clients)
        if not self.kinds:
            raise UsageError("no kinds of keys", remedy="name some")
        if not self.writes_until_s > 0:
            raise UsageError(f"writes until {self.writes_until_s!r} s", remedy="give seconds above 0")

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:
        """Operations of one client. It begins with a kind of its own, so that each moment has keys of all."""
        chance = random.Random(f"{seed}:{client}")
        written: list[tuple[str, str]] = []
        asked = 0
        for number, offset_ns in enumerate(offsets(self, client, seconds)):
            writes = offset_ns < self.writes_until_s * 1e9
            if writes and number % 2 == 0:
                kind = self.kinds[(client + len(written)) % len(self.kinds)]
                key = f"{key_prefix(run)}{kind}:{client}:{len(written)}"
                written.append((kind, key))
                yield Planned(offset_ns=offset_ns, name="write", key=key, input=f"v{client}.{number}")
            elif written:
                kind, key = chance.choice(written) if writes else written[asked % len(written)]
                asked += not writes
                yield Planned(offset_ns=offset_ns, name=kind, key=key)


def lifetimes(kinds: tuple[str, ...], *, rate_hz: float, clients: int, writes_until_s: float) -> Lifetimes:
    """Keys that must end, of several kinds, each written once and asked how long it lives."""
    return Lifetimes(kinds=tuple(kinds), rate_hz=rate_hz, clients=clients, writes_until_s=writes_until_s)
