"""What JUnit's report is told of every test with real servers, as `record_property` would: one value a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pytest

    from pytest_arbredis.history.records import Evidence
    from pytest_arbredis.report.result import RunResult
    from pytest_arbredis.views.topology import TopologyView

PREFIX = "arbredis_"
DESCRIBED = ("launcher", "topology", "redis", "toxiproxy")


def add_properties(item: pytest.Item, views: Sequence[TopologyView], ran: Sequence[RunResult]) -> None:
    """Launcher, versions, seed, verdicts, and each fault with its evidence; in place of an earlier attempt's."""
    item.user_properties[:] = [one for one in item.user_properties if not str(one[0]).startswith(PREFIX)]
    found = [pair for view in views for pair in _of_view(view)] + [pair for result in ran for pair in _of_run(result)]
    item.user_properties.extend((PREFIX + name, value) for name, value in dict.fromkeys(found))


def _of_view(view: TopologyView) -> Iterator[tuple[str, str]]:
    yield from _described(view.deployment.described)
    yield "seed", str(view.seed)
    faults = [(one.fault.name, one.target, one.evidence) for one in view.nemesis.injections]
    yield from _faults(faults)


def _of_run(result: RunResult) -> Iterator[tuple[str, str]]:
    yield from _described(result.deployment)
    yield "seed", str(result.seed)
    yield "verdict", f"{result.scenario}: {result.word}"
    if result.history is not None:
        yield from _faults((one.name, one.target, one.evidence) for one in result.history.faults)


def _described(described: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in DESCRIBED:
        if name in described:
            yield name, described[name]


def _faults(faults: Iterable[tuple[str, str, Evidence | None]]) -> Iterator[tuple[str, str]]:
    for name, target, evidence in faults:
        seen = "not observed" if evidence is None else f"observed by {evidence.source}: {evidence.detail}"
        yield "fault", f"{name} on {target}, {seen}"
