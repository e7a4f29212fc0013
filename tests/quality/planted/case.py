"""What a planted bug is, as a value; and the scenarios that they share."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 - dataclass fields are resolved at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planted.bot import Bot, Shared
from pytest_arbredis import Scenario, schedule, topologies
from pytest_arbredis.load.objects import OnObjects
from pytest_arbredis.load.workloads import unique_writes

if TYPE_CHECKING:
    from pytest_arbredis.checkers.verdict import Check
    from pytest_arbredis.faults.schedule import Schedule
    from pytest_arbredis.load.line import Dialer
    from pytest_arbredis.load.workloads import Workload

SINGLE = topologies.single()
REPLICATED = topologies.replicated(replicas=1, conf={"replica-read-only": "no"})
"""One replica, which accepts writes: the bug that writes to it needs that, and the others share the deployment."""
SENTINEL = topologies.sentinel(replicas=1, sentinels=3)
"""A primary that is replaced by its only replica."""

Step = tuple[str, Any, Any]
"""An operation, its input, and the answer that a functional test expects (`ANYTHING`: any)."""

ANYTHING = object()
WRITE_AND_READ: tuple[Step, ...] = tuple(
    step for value in ("a", "b", "c") for step in (("write", value, ANYTHING), ("read", None, value))
)
"""The functional test of a register."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A bug, and what must find it.

    `buggy` and `correct` make a session; `steps` is a functional test without faults, which both pass; `claim` is the
    check that must find the bug within `seconds`. `only_by_a_fault`: without one it touches no operation. The rest is
    the scenario's.
    """

    name: str
    does: str
    buggy: Callable[[Dialer, Shared], Any]
    correct: Callable[[Dialer, Shared], Any]
    steps: tuple[Step, ...]
    workload: Workload
    claim: Check
    faults: Schedule
    topology: Any = SINGLE
    seconds: float = 2.0
    judged: tuple[str, ...] = ("write",)
    read_back: bool = True
    timeout_s: float = 0.3
    only_by_a_fault: bool = False

    def bot(self, *, buggy: bool) -> Bot:
        """The subject of one run, with the bug or without."""
        name = self.name if buggy else f"{self.name}, mended"
        return Bot(name=name, session=self.buggy if buggy else self.correct, timeout_s=self.timeout_s)

    def scenario(self, bot: Bot) -> Scenario:
        """What is run."""
        return Scenario(
            name=f"quality.{self.name}",
            promise=self.does,
            topology=self.topology,
            subject=bot,
            workload=self.workload,
            checks=(self.claim,),
            faults=self.faults,
            seconds=self.seconds,
            judged=self.judged,
            read_back=self.read_back,
        )


def registers(*, rate_hz: float = 240, keys: int = 4, clients: int = 4) -> OnObjects:
    """Writes and reads of a few keys."""
    return OnObjects(model="register", rate_hz=rate_hz, clients=clients, keys=keys)


WRITES = unique_writes(rate_hz=240, clients=4, read_share=0.2)
"""Writes to keys of their own."""

NOTHING = schedule.nothing()
"""No fault."""

AWAY = schedule.at(seconds=0.4).down("primary").lasting(seconds=0.5)
"""The primary cannot be reached for half a second."""

REPLIES_LOST = schedule.at(seconds=0.4).limit_data("primary", after_handshake=True).lasting(seconds=0.9)
"""Commands are applied and their replies are lost, for long enough that also where the machine stalls some meet it."""

SILENT = schedule.at(seconds=0.4).stall("primary").lasting(seconds=0.8)
"""Nothing is answered for a while; what was sent is applied then."""
