"""State managers of four modes on one Redis, as one object: each counter of a workload is that of one mode.

Keys of a workload that differ in their last number share the name of a statistic, each in a mode of its own. What is
counted in one mode and seen in another is seen by the check of the counters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_arbredis.load.apart import RECONCILE
from pytest_arbredis.state.keyspace.parts import MODES
from pytest_arbredis.subjects.state.manager import Managers, ManagerSession

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Answer, Endpoints, Invocation

PLACE = "docker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environments:
    """Implements `Subject`; `of_mode` makes the subject of one mode."""

    name: str
    of_mode: Callable[[str], Managers]

    @property
    def operations(self) -> frozenset[str]:
        """What its sessions can apply."""
        return frozenset({"add", "read", RECONCILE})

    def open(self, endpoints: Endpoints) -> EnvironmentsSession:
        """A manager of each mode."""
        return EnvironmentsSession({mode: self.of_mode(mode).open(endpoints) for mode in MODES})


class EnvironmentsSession:
    """One client of each mode."""

    def __init__(self, sessions: Mapping[str, ManagerSession]) -> None:
        self._sessions = sessions
        self.attempts = 0
        self.tried: tuple[str, ...] = ()

    def apply(self, op: Invocation) -> Answer | Json:
        """One operation, in the mode of its key."""
        mode, name = place_of(op.key)
        session = self._sessions[mode]
        try:
            return session.apply(replace(op, key=name))
        finally:
            self.attempts, self.tried = session.attempts, session.tried

    def close(self) -> None:
        """Close all of them."""
        for session in self._sessions.values():
            session.close()


def place_of(key: str) -> tuple[str, str]:
    """The mode and the name of a statistic for a key of a workload."""
    begins, _, number = key.rpartition(":")
    if not number.isdigit():
        return MODES[0], key
    return MODES[int(number) % len(MODES)], f"{begins}:{int(number) // len(MODES)}"


def environments() -> Environments:
    """State managers of the state layer, each in the namespace of its mode."""
    from pytest_arbredis.subjects.state.hardened_manager import HardenedManager

    def of_mode(mode: str) -> Managers:
        return Managers(
            name=f"state layer, manager of mode {mode}",
            what="stat",
            make=lambda endpoints: HardenedManager(endpoints, namespace=f"{mode}:{PLACE}"),
            journalled="ok",
        )

    return Environments(name="state layer, managers of four modes", of_mode=of_mode)
