"""Inner pytest runs in processes of their own, with the plugin as its entry point loads it, and nothing tolerated."""

from __future__ import annotations

import os

import pytest

from pytest_arbredis.servers.toxiproxy import user_cache

STRICT = ("-p", "no:cacheprovider", "--strict-markers", "--strict-config", "-W", "error")
NEIGHBOURS = ("anyio", "asyncio", "hypothesispytest", "pytest_redis", "randomly", "rerunfailures", "timeout")
"""Plugins that are installed here, and off unless a test is about living beside them.

Hypothesis's imports all of Hypothesis at the end of every run: most of the time of a short one.
"""


@pytest.fixture(scope="session")
def real_cache():
    """The user's cache; pytester gives inner runs another home."""
    return str(user_cache().parent)


@pytest.fixture
def inner(pytester, monkeypatch, real_cache):
    """Runs pytest in an empty folder, on processes unless another launcher is given: `inner("-n", "2")`.

    `beside` names other plugins that it loads.
    """
    for name in [name for name in os.environ if name.startswith(("ARBREDIS_", "PYTEST_", "GITHUB_STEP"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", real_cache)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, launched: bool = True, beside: tuple[str, ...] = ()) -> pytest.RunResult:
        off = [word for name in NEIGHBOURS if name not in beside for word in ("-p", f"no:{name}")]
        chosen = any(argument.startswith("--arbredis-launcher") for argument in arguments)
        launcher = () if chosen or not launched else ("--arbredis-launcher=process",)
        return pytester.runpytest_subprocess(*STRICT, *off, *launcher, *arguments)

    return run
