"""`report.html`: one file that opens offline, prints, and escapes everything that it shows.

It needs jinja2, which is in the `report` extra; `missing_extra()` says so where it is absent.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pytest_arbredis.errors import HarnessError
from pytest_arbredis.report.chart import WIDTH, chart_of
from pytest_arbredis.report.lanes_svg import lanes_chart
from pytest_arbredis.report.text import notable
from pytest_arbredis.report.view import view_of
from pytest_arbredis.report.whole_file import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from jinja2 import Template

    from pytest_arbredis.report.result import RunResult

REMEDY = "pip install 'pytest-arbredis[report]'"
MOST_EVENTS = 200
MOST_HIGHLIGHTS = 40


def missing_extra() -> str:
    """What is missing for an HTML report, and how to get it; empty if nothing is."""
    if find_spec("jinja2") is not None:
        return ""
    return f"report.html was not written, because jinja2 is not installed: {REMEDY}"


def render_html(result: RunResult, dest: Path) -> None:
    """Write the report of one run to `dest`, whole or not at all.

    Raises `HarnessError` with the remedy where jinja2 is missing.
    """
    if missing_extra():
        raise HarnessError("an HTML report needs jinja2, which is not installed", remedy=REMEDY)
    view = view_of(result)
    timeline = view.timeline
    page = _template().render(
        view=view,
        width=WIDTH,
        chart=chart_of(timeline) if timeline and timeline.bins else None,
        lanes=lanes_chart(view.lanes) if view.lanes else None,
        bands=timeline.bands if timeline else (),
        highlights=notable(timeline.marks)[:MOST_HIGHLIGHTS] if timeline else (),
        events=timeline.marks[:MOST_EVENTS] if timeline else (),
        more_events=max(0, len(timeline.marks) - MOST_EVENTS) if timeline else 0,
    )
    write_whole(dest, page.encode("utf-8", "backslashreplace"))


@cache
def _template() -> Template:
    """Compiled once a process: that takes longer than a small report."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pytest_arbredis.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")
