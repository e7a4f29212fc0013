"""Toxics: what a proxy does to the bytes of its connections, as frozen values with units.

Toxiproxy counts whole milliseconds and whole bytes; it would accept a negative number, or a jitter that makes a delay
negative, and do something else than was asked. So misuse is refused here, where the value is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

Stream = Literal["upstream", "downstream"]

A_DAY_MS = 86_400_000


class Toxic(Protocol):
    """What a toxic says of itself to Toxiproxy."""

    @property
    def type(self) -> str:
        """Toxiproxy's name of the kind, such as `latency`."""
        ...

    @property
    def stream(self) -> Stream:
        """The direction it acts on; downstream is from the server to its client."""
        ...

    @property
    def attributes(self) -> Mapping[str, int]:
        """Toxiproxy's attributes of the kind."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyToxic:
    """Each chunk of a reply comes `latency_ms` later, ± up to `jitter_ms` (drawn by Toxiproxy, unseeded)."""

    type: ClassVar[str] = "latency"
    stream: ClassVar[Stream] = "downstream"

    latency_ms: int
    jitter_ms: int = 0

    def __post_init__(self) -> None:
        """Refuse what Toxiproxy would misread."""
        _require_whole(self, latency_ms=self.latency_ms, jitter_ms=self.jitter_ms)
        if self.jitter_ms > self.latency_ms:
            raise UsageError(
                f"{self!r}: a jitter larger than the latency means delays below zero",
                remedy="use jitter_ms <= latency_ms",
            )

    @property
    def attributes(self) -> Mapping[str, int]:
        """Both in milliseconds."""
        return {"latency": self.latency_ms, "jitter": self.jitter_ms}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPeer:
    """A connection is cut with RST `after_ms` after its first bytes of a reply; idle ones survive until then."""

    type: ClassVar[str] = "reset_peer"
    stream: ClassVar[Stream] = "downstream"

    after_ms: int = 0

    def __post_init__(self) -> None:
        """Refuse what Toxiproxy would misread."""
        _require_whole(self, after_ms=self.after_ms)

    @property
    def attributes(self) -> Mapping[str, int]:
        """The delay in milliseconds."""
        return {"timeout": self.after_ms}


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitBytes:
    """A connection is closed after `bytes` bytes of replies, counted from when the toxic was added to it.

    With 0 on a live connection exactly the next reply is swallowed.
    """

    type: ClassVar[str] = "limit_data"
    stream: ClassVar[Stream] = "downstream"

    bytes: int

    def __post_init__(self) -> None:
        """Refuse what Toxiproxy would misread."""
        _require_whole(self, bytes=self.bytes)

    @property
    def attributes(self) -> Mapping[str, int]:
        """The limit in bytes."""
        return {"bytes": self.bytes}


@dataclass(frozen=True, slots=True, kw_only=True)
class BandwidthToxic:
    """Each connection carries 1000 x `kb_per_s` bytes a second in this direction, and no more."""

    type: ClassVar[str] = "bandwidth"

    kb_per_s: int
    stream: Stream = "downstream"

    def __post_init__(self) -> None:
        """Refuse what Toxiproxy would misread; at a rate of 0 it would hold a chunk for ever."""
        _require_whole(self, at_least=1, kb_per_s=self.kb_per_s)

    @property
    def attributes(self) -> Mapping[str, int]:
        """The rate, in thousands of bytes a second."""
        return {"rate": self.kb_per_s}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Every chunk is held until the toxic is removed, and then delivered in order on the same connection.

    Toxiproxy has no toxic for that; its latency keeps up to 1024 chunks, and delivers them when it is interrupted.
    """

    type: ClassVar[str] = "latency"

    stream: Stream = "upstream"

    @property
    def attributes(self) -> Mapping[str, int]:
        """A delay that nobody waits for, in milliseconds."""
        return {"latency": A_DAY_MS, "jitter": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Every chunk is dropped while connections stay open; they are closed when the toxic is removed."""

    type: ClassVar[str] = "timeout"

    stream: Stream = "downstream"

    @property
    def attributes(self) -> Mapping[str, int]:
        """No time after which it would close them of itself."""
        return {"timeout": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowClose:
    """The end of a connection is passed on `delay_ms` later; bytes pass as ever."""

    type: ClassVar[str] = "slow_close"

    delay_ms: int
    stream: Stream = "downstream"

    def __post_init__(self) -> None:
        """Refuse what Toxiproxy would misread."""
        _require_whole(self, delay_ms=self.delay_ms)

    @property
    def attributes(self) -> Mapping[str, int]:
        """The delay in milliseconds."""
        return {"delay": self.delay_ms}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicer:
    """Chunks are cut into pieces of at most `bytes` bytes, `delay_us` apart.

    They are halved until they are small enough, so that a piece has more than half of `bytes`.
    """

    type: ClassVar[str] = "slicer"

    bytes: int
    delay_us: int = 0
    stream: Stream = "downstream"

    def __post_init__(self) -> None:
        """Refuse what Toxiproxy would misread; with pieces of no bytes it would never end."""
        _require_whole(self, at_least=1, bytes=self.bytes)
        _require_whole(self, delay_us=self.delay_us)

    @property
    def attributes(self) -> Mapping[str, int]:
        """The size in bytes, without variation (Toxiproxy's is unseeded), and the delay in microseconds."""
        return {"average_size": self.bytes, "size_variation": 0, "delay": self.delay_us}


def _require_whole(toxic: object, *, at_least: int = 0, **numbers: object) -> None:
    for name, number in numbers.items():
        if not isinstance(number, int) or isinstance(number, bool) or number < at_least:
            raise UsageError(
                f"{type(toxic).__name__}({name}={number!r})",
                remedy=f"use a whole number >= {at_least} for {name}",
            )
