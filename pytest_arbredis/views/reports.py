"""What the report of a test carries, through xdist too: the story of its servers, its runs, whose failure it was.

Reports travel from a worker to the controller as plain values, so that a worker that dies takes with it only what its
present test did.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pytest_arbredis import options
from pytest_arbredis.errors import HarnessError
from pytest_arbredis.views.telling import say_the_finding_first

if TYPE_CHECKING:
    import pytest

RUNS = "arbredis_runs"
"""Attribute of a report: rows and explanations of the scenarios that ran since the test's last report."""
STORY = "arbredis_story"
"""Attribute of the report of a failing test that used our fixtures: what its servers went through, maybe nothing."""


def tell(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Tell a failing test what its servers went through, and a failure of the harness from one of the test."""
    if call.excinfo is not None and call.excinfo.errisinstance(HarnessError):
        report.__dict__["arbredis_harness_failed"] = True
    session = item.config.stash.get(options.SESSION, None)
    if session is not None and (ran := session.unlisted()):
        from pytest_arbredis.report.markdown import line_of

        report.__dict__[RUNS] = [asdict(line_of(result)) for result in ran]
    if not report.failed:
        return
    if call.excinfo is not None:
        say_the_finding_first(call.excinfo.value, report)
    told = options.story_of(item)
    if told:
        # With the traceback it also comes into JUnit's XML, which leaves a report's other sections out.
        add = getattr(report.longrepr, "addsection", lambda *section: report.sections.append(section))
        add("arbredis", told)
    if told or item.get_closest_marker("arbredis") is not None:
        report.__dict__[STORY] = told
