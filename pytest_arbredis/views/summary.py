"""The end of a session, of all its workers: scenarios that were not run, and the page of a CI run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_arbredis.errors import HarnessError
from pytest_arbredis.report.markdown import FailedTest, Line, append_step_summary, lines_markdown, tests_markdown
from pytest_arbredis.report.view import VerdictRow
from pytest_arbredis.report.wording import printable
from pytest_arbredis.views.reports import RUNS, STORY

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


def sum_up(reporter: pytest.TerminalReporter) -> None:
    """List what was not run, with the reasons, and append to GITHUB_STEP_SUMMARY, where it is set."""
    known: list[Any] = [report for reports in reporter.stats.values() for report in reports]
    told = sorted((one for one in known if hasattr(one, RUNS) or hasattr(one, STORY)), key=_began)
    runs = [_line(one) for report in told for one in getattr(report, RUNS, ())]
    not_run = dict.fromkeys((run.row.scenario, run.row.line) for run in runs if run.row.word == "not run")
    for scenario, why in not_run:
        reporter.write_line(f"arbredis: not run: {scenario}: {why}")
    try:
        append_step_summary(_page(runs, [_failed(report) for report in told if hasattr(report, STORY)]))
    except HarnessError as error:
        reporter.write_line(f"arbredis: {error}", yellow=True)


def _page(runs: Sequence[Line], failed: Sequence[FailedTest]) -> str:
    return "\n".join([*([lines_markdown(runs)] if runs else []), *([tests_markdown(failed)] if failed else [])])


def _began(report: Any) -> float:
    """When its phase began; pytest 8 and later say so."""
    return float(getattr(report, "start", 0.0))


def _line(told: dict[str, Any]) -> Line:
    return Line(row=VerdictRow(**told["row"]), explanation=told["explanation"])


def _failed(report: pytest.TestReport) -> FailedTest:
    return FailedTest(
        name=f"{report.nodeid}{'' if report.when == 'call' else f' ({report.when})'}",
        why=printable(next(iter(_reason(report).splitlines()), "")),
        story=getattr(report, STORY),
        by_harness=getattr(report, "arbredis_harness_failed", False),
    )


def _reason(report: pytest.TestReport) -> str:
    """What it failed with, as in pytest's summary line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(report.longrepr if crash is None else crash.message).strip()
