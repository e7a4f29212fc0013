"""For all tests: without containers their tests are skipped with the reason; in CI that is a failure."""

from __future__ import annotations

import functools
import os

import pytest

pytest_plugins = ("pytester",)


@functools.cache
def containers_lacking() -> str:
    """Why containers cannot be used here; empty if they can."""
    from pytest_arbredis.servers.images import Reason, engine

    found = engine()
    return f"{found.cause} (remedy: {found.remedy})" if isinstance(found, Reason) else ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("docker") is None or not (reason := containers_lacking()):
        return
    if os.environ.get("ARBREDIS_CI") == "1":
        pytest.fail(f"in CI nothing is skipped for want of containers: {reason}", pytrace=False)
    pytest.skip(f"no containers here: {reason}")
