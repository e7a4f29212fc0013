"""Faults on a timeline, as a value.

    schedule.at(seconds=2).crash("primary").at(seconds=6).restart("crashed")
    schedule.at(seconds=1).latency("primary", ms=200).lasting(seconds=1.5)

Its `repr` is the Python that makes it again.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.verbs import Verbs
from pytest_arbredis.topology.spec import check_target

if TYPE_CHECKING:
    from pytest_arbredis.faults.fault import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One fault, `at_s` seconds after the load began, healed after `for_s` seconds (None: at the end)."""

    at_s: float
    fault: Fault
    target: str
    for_s: float | None = None

    def __repr__(self) -> str:
        settings = [repr(self.target)]
        settings += [
            f"{item.name}={value!r}"
            for item in fields(self.fault)  # type: ignore[arg-type]
            if (value := getattr(self.fault, item.name)) != item.default
        ]
        lasting = "" if self.for_s is None else f".lasting(seconds={self.for_s!r})"
        return f"at(seconds={self.at_s!r}).{self.fault.name}({', '.join(settings)}){lasting}"


@dataclass(frozen=True, repr=False)
class Schedule(Verbs["Schedule"]):
    """Steps in the order of their times; `cursor_s` is where the next one goes."""

    steps: tuple[Step, ...] = ()
    cursor_s: float | None = None

    def at(self, *, seconds: float) -> Schedule:
        """Go to a time after the load began."""
        if seconds < 0:
            raise UsageError(f"a fault at seconds={seconds!r}", remedy="use a time after the load began, 0 or more")
        if self.steps and seconds < self.steps[-1].at_s:
            raise UsageError(
                f"a fault at seconds={seconds!r} behind one at {self.steps[-1].at_s!r}",
                remedy="write the steps in the order of their times",
            )
        return replace(self, cursor_s=seconds)

    def lasting(self, *, seconds: float) -> Schedule:
        """Heal the fault just scheduled after so many seconds."""
        if not self.steps or seconds <= 0:
            raise UsageError(f"lasting(seconds={seconds!r})", remedy="give a positive time, right behind a fault")
        return replace(self, steps=(*self.steps[:-1], replace(self.steps[-1], for_s=seconds)))

    @property
    def ends_s(self) -> float:
        """When its last step begins, or the last fault with a duration is healed."""
        return max((step.at_s + (step.for_s or 0.0) for step in self.steps), default=0.0)

    def _put(self, fault: Fault, target: str, *, expect_unobserved: bool) -> Schedule:
        if expect_unobserved:
            raise UsageError(
                f"{fault.name} with expect_unobserved=True in a schedule",
                remedy="a scenario is judged only by faults that its load met: leave the argument out",
            )
        if self.cursor_s is None:
            raise UsageError(f"{fault.name} has no time", remedy="write at(seconds=…) before the fault")
        step = Step(at_s=self.cursor_s, fault=fault, target=check_target(target))
        return replace(self, steps=(*self.steps, step))

    def __repr__(self) -> str:
        return ".".join(["schedule", *map(repr, self.steps)]) if self.steps else "schedule.nothing()"


def at(*, seconds: float) -> Schedule:
    """A schedule whose first fault comes `seconds` after the load began."""
    return Schedule().at(seconds=seconds)


def nothing() -> Schedule:
    """No faults at all."""
    return Schedule()
