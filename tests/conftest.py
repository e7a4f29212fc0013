"""For all tests: without containers their tests are skipped with the reason; in CI that is a failure."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from outsider import ROOT, build, install

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("pytester",)


def pytest_configure() -> None:
    """Heed what a background job or nohup ignores: commands that tests start would inherit it."""
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        with contextlib.suppress(ValueError):  # not in the main thread
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, usual)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel."""
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the wheel."""
    return install(wheel, tmp_path_factory.mktemp("venv"))


@functools.cache
def containers_lacking() -> str:
    """Why containers cannot be used here; empty if they can."""
    from pytest_arbredis.servers.images import Reason, engine

    found = engine()
    return f"{found.cause} (remedy: {found.remedy})" if isinstance(found, Reason) else ""


@functools.cache
def compose_lacking() -> str:
    """Why compose cannot be used here; empty if it can."""
    try:
        done = subprocess.run(["docker", "compose", "version"], capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else "docker has no plugin compose (remedy: docker/compose build)"


LACKING = {"docker": containers_lacking, "compose": compose_lacking}
"""What tests with a marker need beside Python and binaries."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    reason = next(filter(None, (lacking() for name, lacking in LACKING.items() if item.get_closest_marker(name))), "")
    if not reason:
        return
    if os.environ.get("ARBREDIS_CI") == "1":
        pytest.fail(f"in CI nothing is skipped for want of containers: {reason}", pytrace=False)
    pytest.skip(f"no containers here: {reason}")
