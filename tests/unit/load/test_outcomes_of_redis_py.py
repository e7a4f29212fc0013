"""Every exception of the installed redis-py is judged on purpose, or raised again on purpose."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import warnings

import pytest
import redis

from pytest_arbredis.load.outcomes import TABLE, row_of
from pytest_arbredis.load.raised_again import RAISED_AGAIN

NEWEST = 8
"""Major version that has all classes of the list but those that it dropped."""
ONLY_OLDER = {"VersionMismatchException"}


def every_module():
    """All modules of redis-py but those that want packages which are not here."""
    for found in pkgutil.walk_packages(redis.__path__, "redis."):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of parts that are deprecated
                yield importlib.import_module(found.name)
        except ImportError:
            continue


def every_exception():
    """All exception classes that redis-py defines, each once."""
    return sorted(
        {
            kind
            for module in every_module()
            for _, kind in inspect.getmembers(module, inspect.isclass)
            if issubclass(kind, BaseException) and kind.__module__.split(".")[0] == "redis"
        },
        key=lambda kind: (kind.__name__, kind.__module__),
    )


@pytest.mark.parametrize("kind", every_exception(), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_exception_of_redis_py_is_in_the_table_or_raised_again_by_name(kind):
    """By the class itself: one that only inherits a row's class has been looked at by nobody."""
    in_table = kind in {row.error for row in TABLE if row.name == kind.__name__}
    assert in_table != (kind.__name__ in RAISED_AGAIN)


@pytest.mark.parametrize("kind", every_exception(), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_what_is_raised_again_by_name_has_no_row(kind):
    error = kind.__new__(kind)
    error.args = ("something",)
    assert (row_of(error) is None) == (kind.__name__ in RAISED_AGAIN)


def test_the_walk_meets_asyncio_sentinels_and_every_corner():
    found = {f"{kind.__module__}.{kind.__name__}" for kind in every_exception()}
    assert {
        "redis.exceptions.WatchError",
        "redis.sentinel.MasterNotFoundError",
        "redis.asyncio.sentinel.MasterNotFoundError",
    } <= found
    assert len(found) >= 35


@pytest.mark.skipif(int(redis.__version__.split(".")[0]) < NEWEST, reason="an older redis-py has fewer classes")
def test_nothing_is_listed_that_redis_py_does_not_have():
    assert set(RAISED_AGAIN) - ONLY_OLDER <= {kind.__name__ for kind in every_exception()}


@pytest.mark.parametrize("name", sorted(RAISED_AGAIN))
def test_what_is_raised_again_has_a_reason(name):
    assert len(RAISED_AGAIN[name].split()) > 3
