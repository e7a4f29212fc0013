"""A scenario is a value: topology, subject, workload, faults, checks; and how its checks judge a history."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from pytest_arbredis.checkers.arguments import require_check, require_faults, require_several
from pytest_arbredis.checkers.black_box import BlackBoxGuard
from pytest_arbredis.checkers.exposure import ExposedBy  # noqa: TC001 - as above
from pytest_arbredis.checkers.judging import judged
from pytest_arbredis.checkers.recovery import RecoversWithin, require_rate
from pytest_arbredis.checkers.vacuity import VacuityGuard
from pytest_arbredis.checkers.verdict import Check, Finding, Verdict, worst
from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.schedule import Schedule
from pytest_arbredis.load.workloads import NoOperations
from pytest_arbredis.report.result import ScenarioKind
from pytest_arbredis.topology.spec import Topology, is_aside

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History
    from pytest_arbredis.load.protocol import Subject
    from pytest_arbredis.load.workloads import Workload

Route = Literal["proxied", "direct"]

AFTER_LAST_FAULT_S = 2.0
"""The load goes on this long behind the last step of the schedule, unless the scenario says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A guarantee that must hold, or a hazard that must be shown to happen.

    `promise` says it in a caller's words. `seconds` is the length of the load. `judged` names the operations that the
    vacuity guard looks at; `exposed_by` says for a fault where operations meet it, if not on its target (`"any"`:
    every operation while it is in force). On the `direct` path the subject is given addresses past the proxies.
    `profiles` names the profiles of the command that have it.
    """

    name: str
    promise: str
    topology: Topology
    subject: Subject
    workload: Workload
    checks: tuple[Check, ...]
    faults: Schedule = field(default_factory=Schedule)
    seconds: float | None = None
    kind: ScenarioKind = "guarantee"
    judged: tuple[str, ...] = ("write",)
    exposed_by: Mapping[str, ExposedBy] = field(default_factory=dict)
    path: Route = "proxied"
    read_back: bool = True
    profiles: tuple[str, ...] = ("quick", "release")

    def __post_init__(self) -> None:
        """Refuse at definition what could only fail in minute nine."""
        self._require_parts()
        require_several("judged", self.judged)
        if not self.checks:
            raise UsageError(f"the scenario {self.name!r} has no checks", remedy="say what must hold")
        if self.kind not in get_args(ScenarioKind):
            raise UsageError.unknown("kind of scenario", self.kind, get_args(ScenarioKind))
        if self.path not in get_args(Route):
            raise UsageError.unknown("path of a scenario", self.path, get_args(Route))
        guard = self.guard  # refuses what it could not judge
        known = {*guard.faults, *self._usually_exposed_by()}
        for name in self.exposed_by:
            if name not in known:
                raise UsageError.unknown("fault in exposed_by", name, sorted(known))
        if self.path == "direct" and self.faults.steps:
            raise UsageError(
                f"the scenario {self.name!r} has faults, but its subject goes past the proxies",
                remedy="use path='proxied'",
            )
        if self.length_s <= self.faults.ends_s:
            raise UsageError(
                f"the load of {self.name!r} ends after {self.length_s} s, before its faults at {self.faults.ends_s} s",
                remedy="give more seconds",
            )
        for check in self.checks:
            if isinstance(check, RecoversWithin):
                require_rate(self.workload.rate_hz, check.window_ms, check.share)

    def _require_parts(self) -> None:
        """Refuse parts that are something else than they should be."""
        if not isinstance(self.checks, tuple | list):
            raise UsageError(
                f"the checks of {self.name!r} are no tuple: {self.checks!r}",
                remedy="mind the comma: checks=(checks.acknowledged_writes_survive(),)",
            )
        if not isinstance(self.topology, Topology):
            raise UsageError(
                f"the topology of {self.name!r} is {self.topology!r}", remedy="call what makes one: topologies.single()"
            )
        if not (isinstance(getattr(self.subject, "name", None), str) and callable(getattr(self.subject, "open", None))):
            raise UsageError(
                f"the subject of {self.name!r} is {self.subject!r}", remedy="give it a name and open(endpoints)"
            )
        played = {step.fault.name for step in self.faults.steps}
        for check in self.checks:
            require_check(check)
            require_faults(check, played)

    @property
    def length_s(self) -> float:
        """How long the load goes on."""
        return self.faults.ends_s + AFTER_LAST_FAULT_S if self.seconds is None else self.seconds

    @property
    def is_black_box(self) -> bool:
        """Whether the subject works by itself: nothing is asked of it, and what the servers saw is judged."""
        return isinstance(self.workload, NoOperations)

    @property
    def guard(self) -> VacuityGuard | BlackBoxGuard:
        """What must have happened for any verdict of this scenario to mean something."""
        faults = tuple(step.fault.name for step in self.faults.steps)
        exposed_by = {**self._usually_exposed_by(), **self.exposed_by}
        if self.is_black_box:
            return BlackBoxGuard(faults=faults, exposed_by=exposed_by, final_reads=self.read_back)
        return VacuityGuard(names=self.judged, faults=faults, exposed_by=exposed_by, final_reads=self.read_back)

    def _usually_exposed_by(self) -> dict[str, ExposedBy]:
        """For each step, `fault on target`: where operations meet it, as the fault and its target have it."""
        return {
            f"{step.fault.name} on {step.target}": (
                "any" if step.fault.nature.met_by == "target" and is_aside(step.target) else step.fault.nature.met_by
            )
            for step in self.faults.steps
        }

    def with_subject(self, subject: Subject) -> Scenario:
        """The same scenario for other code."""
        return replace(self, subject=subject)


def judge(scenario: Scenario, history: History) -> tuple[Finding, ...]:
    """The scenario's findings, the vacuity guard's last. A check that crashes is unknown, with its traceback."""
    return tuple(judged(check, history) for check in (*scenario.checks, scenario.guard))


def verdict_of(scenario: Scenario, findings: tuple[Finding, ...]) -> Verdict:
    """The worst finding; a hazard is shown or not, never violated: what is not valid there is unknown."""
    verdict = worst(findings)
    return min(verdict, Verdict.UNKNOWN) if scenario.kind == "hazard" else verdict
