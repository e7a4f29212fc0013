"""How a test is told: errors of ours without a traceback through the harness, and verdicts that no rerun may hide."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

INVALID: pytest.StashKey[str] = pytest.StashKey()
"""Where a test keeps the verdict that its first attempts were failed with."""


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Errors of ours as their cause and remedy, without a traceback through the harness."""
    from pytest_arbredis.errors import ArbredisError

    try:
        yield
    except ArbredisError as error:
        raise pytest.fail.Exception(f"{type(error).__name__}: {error}", pytrace=False) from None


def fail_invalid(text: str) -> NoReturn:
    """Fail a test with an *invalid* verdict: something was broken, and running it again does not mend it."""
    error = _verdict(text)
    error.arbredis_invalid = True  # type: ignore[attr-defined]
    raise error


def fail_undecided(text: str) -> NoReturn:
    """Fail a test with a verdict that is unknown."""
    raise _verdict(text)


def _verdict(text: str) -> BaseException:
    error = pytest.fail.Exception(text, pytrace=False)
    error.arbredis_verdict = True  # type: ignore[attr-defined]
    return error


def say_the_finding_first(error: BaseException, report: pytest.TestReport) -> None:
    """`FAILED test_x - claim: summary`: where a verdict failed the test, the exception's type is left out."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None and getattr(error, "arbredis_verdict", False):
        crash.message = crash.message.removeprefix("Failed: ")


@contextlib.contextmanager
def unhidden(item: pytest.Item) -> Iterator[None]:
    """Around the call of a test: fails at once with what an earlier attempt of it has broken."""
    if (text := item.stash.get(INVALID, None)) is not None:
        raise _verdict(text)
    try:
        yield
    except pytest.fail.Exception as error:
        if getattr(error, "arbredis_invalid", False):
            item.stash[INVALID] = f"{error}\n(of an earlier attempt: a rerun hides no invalid verdict)"
        raise
