"""A judged run, for a test: it fails the test with what was broken, or skips it with what could not be decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import pytest

from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.report.text import failure_text
from pytest_arbredis.views.telling import fail_invalid, fail_undecided

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History
    from pytest_arbredis.report.result import RunResult


@dataclass(frozen=True, slots=True)
class Judged:
    """A judged run, for a test."""

    result: RunResult
    _untold: list[RunResult] = field(default_factory=list, repr=False)
    _lenient: bool = False
    _absent: str = "skip"
    """What becomes of a test whose scenario was not run: `skip` or `fail`."""

    @property
    def history(self) -> History | None:
        """Everything that happened. A test whose scenario could not be run is skipped here, as by `assert_valid`."""
        __tracebackhide__ = True
        if self.result.not_run:
            self._leave()
        return self.result.history

    def assert_valid(self) -> None:
        """Fail with the claim that broke and its proof; skip where only the machine's noise left a budget open.

        A test whose scenario could not be run is skipped with the reason, unless `--arbredis-inconclusive=fail`.
        """
        __tracebackhide__ = True
        if self.result.not_run:
            self._leave()
        if self.result.verdict is Verdict.VALID:
            return
        text = failure_text(self.result)
        self._untold[:] = [result for result in self._untold if result is not self.result]
        if self.result.verdict is Verdict.INVALID:
            fail_invalid(text)
        if self.result.only_noise or self._lenient:
            pytest.skip(text)
        fail_undecided(text)

    def _leave(self) -> NoReturn:
        """Skip the test, or fail it where that was asked for."""
        __tracebackhide__ = True
        if self._absent == "fail":
            self._untold[:] = [result for result in self._untold if result is not self.result]
            fail_undecided(failure_text(self.result))
        pytest.skip(f"{self.result.scenario}: not run: {self.result.not_run}")
