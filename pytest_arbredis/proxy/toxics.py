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


def _require_whole(toxic: object, **numbers: object) -> None:
    for name, number in numbers.items():
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise UsageError(
                f"{type(toxic).__name__}({name}={number!r})",
                remedy=f"use a whole number >= 0 for {name}",
            )
