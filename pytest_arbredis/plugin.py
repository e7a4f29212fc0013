"""The pytest plugin: hooks only, each of a few lines. Nothing heavy is imported before a fixture is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_arbredis import options
from pytest_arbredis.errors import UsageError
from pytest_arbredis.fixtures import (
    FIXTURES,
    _arbredis_view,
    arbredis,
    faults,
    redis_client,
    redis_direct_url,
    redis_env,
    redis_sentinel,
    redis_topology,
    redis_url,
)

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = [
    "_arbredis_view",
    "arbredis",
    "faults",
    "redis_client",
    "redis_direct_url",
    "redis_env",
    "redis_sentinel",
    "redis_topology",
    "redis_url",
]

SCENARIOS = Path(__file__).parent / "scenarios"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    options.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and refuse wrong values before anything is collected."""
    config.addinivalue_line("markers", options.MARKER)
    try:
        options.check(config)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Give xdist's workers the session's seed."""
    node.workerinput["arbredis_seed"] = options.seed_of(node.config)  # type: ignore[attr-defined]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect the shipped scenarios, whose files are not named test_*."""
    if file_path.suffix != ".py" or file_path.name == "__init__.py" or file_path.parent.name != "scenarios":
        return None
    shipped = SCENARIOS.exists() and file_path.parent.samefile(SCENARIOS)
    return pytest.Module.from_parent(parent, path=file_path) if shipped else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that use our fixtures."""
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("arbredis")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that passed although nothing of it met its faults: a failure, not an error of teardown."""
    outcome = yield
    view = item.stash.get(options.VIEW, None)
    if view is not None and (complaints := view.complaints()):
        pytest.fail("\n".join(complaints), pytrace=False)
    return outcome


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell a failing test what its servers went through."""
    report = yield
    view = item.stash.get(options.VIEW, None)
    if view is not None and report.when == "call" and report.failed:
        report.sections.append(("arbredis", view.story()))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was deployed, and why, where anything was."""
    session = config.stash.get(options.SESSION, None)
    if session is not None and session.pool.used:
        terminalreporter.write_line(f"arbredis: launcher {session.pool.chosen.name} ({session.pool.chosen.why})")
