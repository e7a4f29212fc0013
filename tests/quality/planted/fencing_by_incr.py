"""Fencing tokens are counted by INCR alone: a Redis that comes back empty begins at one again."""

from __future__ import annotations

from dataclasses import dataclass

from planted.case import ANYTHING, Planted
from pytest_arbredis import schedule
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.load.workloads import Planned, key_prefix, offsets
from pytest_arbredis.subjects.line_session import LineSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """All clients take tokens of one resource."""

    rate_hz: float
    clients: int
    precise: bool = False
    floor: bool = False

    def plan(self, *, client, seed, run, seconds):  # noqa: ARG002 - chance has no part in it
        for offset_ns in offsets(self, client, seconds):
            yield Planned(offset_ns=offset_ns, name="next", key=f"{key_prefix(run)}token")


def counted(session, op):
    """INCR: a number."""
    return int(str(session.ask("INCRBY", op.key, "1")))


class Session(LineSession):
    """Tokens by INCR alone; one that was given before is what is wrong with that."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, {"next": counted})
        self._shared = shared

    def answer(self, op):
        said = super().answer(op)
        with self._shared.lock:
            given = self._shared.things.setdefault("given", set())
            if said.output in given:
                self._shared.touch()
            given.add(said.output)
        return said


def timed(session, op):
    """The server's time, then the number: the time goes on when the number does not."""
    seconds, microseconds = session.ask("TIME")
    return [int(str(seconds)), int(str(microseconds)), counted(session, op)]


PLANTED = Planted(
    name="fencing_by_incr",
    does="Gives fencing tokens by INCR, which goes back when the data is lost.",
    buggy=Session,
    correct=lambda dialer, _: LineSession(dialer, {"next": timed}),
    steps=(("next", None, ANYTHING),) * 3,
    workload=Tokens(rate_hz=120, clients=4),
    faults=schedule.at(seconds=0.5).empty_restart(),
    claim=checks.sequence_is_monotonic(),
    seconds=2.4,
    judged=("next",),
    only_by_a_fault=True,
)
