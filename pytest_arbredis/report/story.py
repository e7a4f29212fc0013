"""What the servers went through during a test: the section `arbredis` of any failing test that used our fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.report.text import deployment_line, events_text, faults_text
from pytest_arbredis.report.timeline import timeline_of
from pytest_arbredis.report.wording import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.history.history import History


def story(described: Mapping[str, str], history: History, logs: Mapping[str, str]) -> str:
    """Servers and versions, faults with their evidence, role changes, Sentinel events, and the last lines of each log.

    Seconds count from the first record of the test.
    """
    timeline = timeline_of(history)
    parts = [
        deployment_line(tuple(described.items())),
        faults_text(timeline.bands) or "faults: none was injected",
        events_text(timeline.marks) or "events: no role changed, and the Sentinels announced nothing",
    ]
    for name, tail in sorted(logs.items()):
        lines = "\n".join(f"  {line}" for line in printable(tail.strip(), newlines=True).splitlines())
        parts.append(f"last log lines of {printable(name)}:\n{lines}" if lines else "")
    return "\n".join(part for part in parts if part)
