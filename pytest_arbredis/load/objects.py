"""Workloads on objects that clients share: a few keys, unique values, operations drawn by chance."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.workloads import Planned, key_prefix, offsets, require_clients

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_arbredis.history.records import Json

Model = Literal["register", "counter", "queue", "append-log", "set"]

MODELS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "register": ("write", "read"),
        "counter": ("add", "read"),
        "queue": ("enqueue", "dequeue"),
        "append-log": ("append", "read"),
        "set": ("add", "read"),
    }
)
"""For each kind of object the operation that changes it, and the one that asks it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnObjects:
    """`keys` objects of one kind, used by all clients; a `change_share` of the operations changes one.

    Each value is used once; what is added to a counter is 1.
    """

    model: Model
    rate_hz: float
    clients: int
    keys: int = 4
    change_share: float = 0.5
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        require_clients(self.rate_hz, self.clients)
        if self.model not in MODELS:
            raise UsageError.unknown("kind of object", self.model, MODELS)
        if type(self.keys) is not int or self.keys < 1:
            raise UsageError(f"keys={self.keys!r}", remedy="use a whole number of objects, 1 or more")
        if not 0 < self.change_share <= 1:
            raise UsageError(f"change_share={self.change_share!r}", remedy="give a share above 0, up to 1")

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:
        """Operations of one client on keys that all share."""
        change, ask = MODELS[self.model]
        chance = random.Random(f"{seed}:{client}")
        numbers = itertools.count()
        for offset_ns in offsets(self, client, seconds):
            key = f"{key_prefix(run)}{self.model}:{chance.randrange(self.keys)}"
            if chance.random() < self.change_share:
                value: Json = 1 if self.model == "counter" else f"v{client}.{next(numbers)}"
                yield Planned(offset_ns=offset_ns, name=change, key=key, input=value)
            else:
                yield Planned(offset_ns=offset_ns, name=ask, key=key)
