"""A workload of messages that end: subscribers go on listening when nothing follows any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.load.workloads import Planned, key_prefix, require_clients

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class LastMessages:
    """Each client publishes to a channel of its own every `every_ms`, and receives every `receive_ms`.

    After each of `silent_from_s` (seconds) it publishes nothing for `silent_s`: a message that is missed before shows
    by no later one.
    """

    clients: int
    silent_from_s: tuple[float, ...]
    silent_s: float = 1.0
    every_ms: int = 40
    receive_ms: int = 300
    precise: bool = False
    floor: bool = False

    def __post_init__(self) -> None:
        require_clients(self.rate_hz, self.clients)

    @property
    def rate_hz(self) -> float:
        """Messages and receives a second, over all clients."""
        return self.clients * (1000 / self.every_ms + 1000 / self.receive_ms)

    def plan(self, *, client: int, seed: int, run: str, seconds: float) -> Iterator[Planned]:  # noqa: ARG002 - chance has no part in it
        """Publishes and receives of one client."""
        channel = f"{key_prefix(run)}channel:{client}"
        every_ns, receive_ns = self.every_ms * NS_PER_MS, self.receive_ms * NS_PER_MS
        begin_ns = every_ns * client // self.clients
        planned = [(at, "receive") for at in range(begin_ns, int(seconds * NS_PER_S), receive_ns)]
        planned += [
            (at, "publish")
            for at in range(begin_ns + every_ns // 2, int(seconds * NS_PER_S), every_ns)
            if not any(begin <= at / NS_PER_S < begin + self.silent_s for begin in self.silent_from_s)
        ]
        for number, (at, name) in enumerate(sorted(planned)):
            said = f"m{client}.{number}" if name == "publish" else None
            yield Planned(offset_ns=at, name=name, key=channel, input=said)
