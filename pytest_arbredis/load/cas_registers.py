"""Compare-and-set: a workload on registers that is hard to satisfy by luck, and the script that does it in Redis.

Few values, so that a cas often finds what it expects; keys that are left after a while, because the search that judges
them is exponential in how many operations overlap on one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_arbredis._clock import NS_PER_S
from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.workloads import Planned, key_prefix, offsets, require_clients

if TYPE_CHECKING:
    from collections.abc import Iterator

CAS: Final = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end redis.call('SET', KEYS[1], ARGV[2]) return 1"
"""Puts the second value in the place of the first, if that is there: 1 if it was."""

KEY_LIVES_S: Final = 0.1
VALUES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCasRegisters:
    """Of ten operations four are a cas, two a write, four a read; `keys` registers at a time."""

    rate_hz: float
    clients: int
    keys: int = 1
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        require_clients(self.rate_hz, self.clients)
        if type(self.keys) is not int or self.keys < 1:
            raise UsageError(f"keys={self.keys!r}", remedy="use a whole number of registers, 1 or more")

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:
        """Operations of one client on registers that all share."""
        chance = random.Random(f"{seed}:{client}")
        for offset_ns in offsets(self, client, seconds):
            spell = int(offset_ns / NS_PER_S / KEY_LIVES_S)
            key = f"{key_prefix(run)}cas:{spell}:{chance.randrange(self.keys)}"
            drawn, old, new = chance.random(), *(str(chance.randrange(VALUES)) for _ in range(2))
            if drawn < 0.4:
                yield Planned(offset_ns=offset_ns, name="cas", key=key, input=[old, new])
            elif drawn < 0.6:
                yield Planned(offset_ns=offset_ns, name="write", key=key, input=new)
            else:
                yield Planned(offset_ns=offset_ns, name="read", key=key)
