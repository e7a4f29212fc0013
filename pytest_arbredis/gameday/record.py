"""What a game day leaves behind: a result without a verdict, the schedule of what was done, the servers' logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_S
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.faults.schedule import Schedule, Step
from pytest_arbredis.report.result import RunResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.faults.nemesis import Injection
    from pytest_arbredis.gameday.journal import Journal
    from pytest_arbredis.history.history import History
    from pytest_arbredis.report.folder import RunFolder
    from pytest_arbredis.topology.deployment import Deployment

NAME = "game_day"
PROMISE = "Nobody promised anything: people injected faults by hand, and what happened is on record."


def result_of(deployment: Deployment, history: History | None, folder: RunFolder, *, duration_s: float) -> RunResult:
    """The game day as a result for reports; it has no checks, so it is recorded and neither valid nor invalid."""
    return RunResult(
        scenario=NAME,
        kind="game day",
        promise=PROMISE,
        verdict=Verdict.UNKNOWN,
        history=history,
        folder=folder.path,
        deployment=deployment.described,
        duration_s=duration_s,
    )


def schedule_of(injections: Sequence[Injection], journal: Journal) -> Schedule:
    """What was injected, when, and for how long, as the schedule of a scenario."""
    steps = []
    for injection in injections:
        line = injection.token.line
        began_ns, ended_ns = line["began_ns"], line["ended_ns"]
        over_at_once = injection.fault.nature.momentary or ended_ns is None
        lasted_s = None if over_at_once else max(0.001, round((ended_ns - began_ns) / NS_PER_S, 3))
        at_s = max(0.0, round(journal.since_s(began_ns), 3))
        steps.append(Step(at_s=at_s, fault=injection.fault, target=injection.target, for_s=lasted_s))
    return Schedule(steps=tuple(steps))


def program(schedule: Schedule) -> str:
    """A program that shows the schedule, to be taken over into a scenario."""
    return f'''"""What was done on this game day. Give it to a Scenario (`faults=SCHEDULE`) to drill it with checks."""

from pytest_arbredis import schedule

SCHEDULE = {schedule!r}

if __name__ == "__main__":
    print(SCHEDULE)
'''


def save_logs(deployment: Deployment, folder: RunFolder) -> None:
    """The servers' logs, beside the history."""
    for node in deployment.servers:
        (folder.logs / f"{node.name}.log").write_text(node.server.log_tail(2000))
