"""What a clean-up is asked to do, and what it did."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.errors import MisuseError
from pytest_arbredis.state.keyspace.parts import ENVS, require_part

if TYPE_CHECKING:
    from pytest_arbredis.state.retention.plans import StoredSession

LISTED: Final = 1000
"""Sessions that a report names of each kind; all are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Sessions last saved `older_than_s` seconds ago or longer; of every environment but live, unless `env` names one.

    Without `delete` nothing is changed.
    """

    older_than_s: float
    env: str | None = None
    session_id: str | None = None
    delete: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.older_than_s) and self.older_than_s >= 1):
            raise MisuseError(f"older_than_s={self.older_than_s!r}", remedy="give a finite time of 1 s or more")
        for name, value in (("env", self.env), ("session_id", self.session_id)):
            if value is not None:
                require_part(name, value)

    @property
    def envs(self) -> tuple[str, ...]:
        """The environments that it is about: live only where it is named."""
        return (self.env,) if self.env is not None else tuple(env for env in ENVS if env != "live")


@dataclass(slots=True, kw_only=True)
class Listing:
    """Sessions of one kind: the first of them, and how many there are."""

    first: list[StoredSession] = field(default_factory=list)
    count: int = 0

    def add(self, session: StoredSession) -> None:
        """One more."""
        self.count += 1
        if len(self.first) < LISTED:
            self.first.append(session)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupReport:
    """What a clean-up found: sessions that are `old` enough, and those that are not, which are `kept`.

    Of the old ones, if that was wanted, some are `deleted`, and others `spared`, because they were saved meanwhile.
    `ageless` ones have a category that does not say when it was saved: they are never deleted.
    """

    old: Listing = field(default_factory=Listing)
    deleted: Listing = field(default_factory=Listing)
    spared: Listing = field(default_factory=Listing)
    ageless: Listing = field(default_factory=Listing)
    kept: Listing = field(default_factory=Listing)

    def sort(self, session: StoredSession, wish: Wish) -> bool:
        """Put a session that was found where it belongs; whether it is old enough to be deleted."""
        if session.age_s is None:
            self.ageless.add(session)
            return False
        old = session.age_s >= wish.older_than_s
        (self.old if old else self.kept).add(session)
        return old and wish.delete
