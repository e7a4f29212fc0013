"""The pytest plugin: hooks only, each of a few lines. Nothing heavy is imported before a fixture is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_arbredis import options
from pytest_arbredis.errors import UsageError
from pytest_arbredis.fixtures import (
    FIXTURES,
    _arbredis_recorder,
    _arbredis_view,
    arbredis,
    faults,
    latency_budget,
    redis_async_client,
    redis_client,
    redis_direct_url,
    redis_env,
    redis_primary_url,
    redis_recorder,
    redis_sentinel,
    redis_sentinel_urls,
    redis_topology,
    redis_url,
)

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = [
    "_arbredis_recorder",
    "_arbredis_view",
    "arbredis",
    "faults",
    "latency_budget",
    "redis_async_client",
    "redis_client",
    "redis_direct_url",
    "redis_env",
    "redis_primary_url",
    "redis_recorder",
    "redis_sentinel",
    "redis_sentinel_urls",
    "redis_topology",
    "redis_url",
]

SCENARIOS = Path(__file__).parent / "scenarios"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    options.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, and refuse wrong values before anything is collected."""
    for line in options.MARKERS:
        config.addinivalue_line("markers", line)
    try:
        options.check(config)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Give xdist's workers the session's seed."""
    node.workerinput["arbredis_seed"] = options.seed_of(node.config)  # type: ignore[attr-defined]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect the shipped scenarios, whose files are not named test_*, unless pytest itself does."""
    if file_path.suffix != ".py" or file_path.name == "__init__.py" or file_path.parent.name != "scenarios":
        return None
    by_pytest = [parent.session.isinitpath(file_path), *map(file_path.match, parent.config.getini("python_files"))]
    shipped = SCENARIOS.exists() and file_path.parent.samefile(SCENARIOS)
    return pytest.Module.from_parent(parent, path=file_path) if shipped and not any(by_pytest) else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that use our fixtures, and bring those of one specification together, whoever ordered them before."""
    ours = [item for item in items if FIXTURES & set(getattr(item, "fixturenames", ()))]
    for item in ours:
        item.add_marker("arbredis")
    if len(ours) > 1:
        from pytest_arbredis.views.grouping import by_specification

        items[:] = by_specification(items, ours)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin with nothing run."""
    options.begin(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge a test that passed by what its servers say: a failure of it, not an error of its teardown."""
    if options.SESSION not in item.config.stash and item.get_closest_marker("latency_budget") is None:
        return (yield)
    from pytest_arbredis.session import of

    with of(item.config).judging(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have a report carry what its servers and scenarios went through."""
    report = yield
    if options.SESSION in item.config.stash or report.failed:
        from pytest_arbredis.views.reports import tell

        tell(item, call, report)
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """An error, not a failure, where the harness failed: that is no verdict on the code under test."""
    harness_failed = report.failed and getattr(report, "arbredis_harness_failed", False)
    return ("error", "E", "ERROR") if harness_failed else None


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what was asked for, with -v or where it was."""
    return options.header(config)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Have an xdist worker tell what it deployed with."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["arbredis_chosen"] = options.chosen_of(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Collect what an xdist worker deployed with."""
    told = getattr(node, "workeroutput", {}).get("arbredis_chosen", [])
    node.config.stash.setdefault(options.CHOSEN, []).extend(told)  # type: ignore[attr-defined]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was deployed, and why, where anything was, and sum up."""
    for chosen in dict.fromkeys(options.chosen_of(config)):
        terminalreporter.write_line(f"arbredis: {chosen}")
    if options.has_told(terminalreporter):
        from pytest_arbredis.views.summary import sum_up

        sum_up(terminalreporter)
