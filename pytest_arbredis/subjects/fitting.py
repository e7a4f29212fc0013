"""Which scenarios can judge a subject of one's own, and why the others cannot."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.load.protocol import Subject
    from pytest_arbredis.scenario import Scenario

LOOKED_AT: Final = 1000
"""Operations of each client's plan that are looked at for their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """Scenarios with the subject in place of their own, and the names of the rest with the reasons."""

    subject: str
    scenarios: tuple[Scenario, ...]
    left_out: tuple[tuple[str, str], ...]


def fit(scenarios: Iterable[Scenario], subject: Subject, *, named: bool = False) -> Fitting:
    """Those of `scenarios` whose needs the subject offers.

    A hazard shows what its own subject or its own Redis does, and claims nothing of another subject: it is left out,
    unless it was asked for by name.
    """
    fitting: list[Scenario] = []
    left_out: list[tuple[str, str]] = []
    for scenario in scenarios:
        if why := why_not(scenario, subject, named=named):
            left_out.append((scenario.name, why))
        else:
            fitting.append(scenario.with_subject(subject))
    return Fitting(subject=subject.name, scenarios=tuple(fitting), left_out=tuple(left_out))


def why_not(scenario: Scenario, subject: Subject, *, named: bool = False) -> str:
    """Why a scenario cannot judge this subject; empty if it can."""
    from pytest_arbredis.checkers.durability import ConfirmedWritesSurvive
    from pytest_arbredis.checkers.refusals import RefusedWritesAreRefused
    from pytest_arbredis.subjects.offers import lacks

    if scenario.kind == "hazard" and not named:
        return f"it demonstrates a hazard with {scenario.subject.name}, and claims nothing of another subject"
    return lacks(
        subject,
        operations=operations_in(scenario),
        topology=scenario.topology.kind,
        confirmed=any(
            isinstance(check, ConfirmedWritesSurvive) or getattr(check, "counting", "") == "confirmed"
            for check in scenario.checks
        ),
        refusals=any(isinstance(check, RefusedWritesAreRefused) for check in scenario.checks),
    )


def operations_in(scenario: Scenario) -> frozenset[str]:
    """Names of the operations that the scenario's workload asks for; the noise floor's are the harness's own."""
    from pytest_arbredis.load.workloads import FLOOR

    workload = scenario.workload
    asked = {
        planned.name
        for client in range(workload.clients)
        for planned in islice(workload.plan(client=client, seed=0, run="", seconds=scenario.length_s), LOOKED_AT)
    }
    return frozenset(asked - {FLOOR} if workload.floor else asked)
