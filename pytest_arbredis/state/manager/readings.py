"""What a manager answers: values that say whether they are Redis's, and how old they are."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Generic[T]):
    """A value, and where it comes from.

    Not `degraded`: Redis gave it, and knows all that this manager has written. `degraded`: what was last seen in Redis
    `age_s` seconds ago (None: never), with what this manager has written since.
    """

    value: T
    degraded: bool
    age_s: float | None = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Whether a write is in Redis; `degraded`: only here, in the journal (a heartbeat: nowhere)."""

    degraded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A component's last heartbeat that was seen in Redis.

    `at_s` is the server's time of it, in seconds since 1970, `age_s` how long ago that is by the server's clock. It is
    `alive` only if Redis said so just now: one that is `degraded` is not, to its own writer neither.
    """

    at_s: float | None
    age_s: float | None
    alive: bool
    degraded: bool
    by: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A position that could not be written over what somebody else had written meanwhile."""

    token: str
    fields: Mapping[str, object]
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A position as it stands in Redis, its version, and what else it may be (`conflicts`).

    `fields` is None where there is none. `degraded` as in a `Reading`.
    """

    symbol: str
    fields: Mapping[str, object] | None
    version: int
    conflicts: tuple[Conflict, ...] = ()
    degraded: bool = False
    age_s: float | None = 0.0
