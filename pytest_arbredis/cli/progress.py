"""Live progress of a drill: what runs, in which phase, and what its operations come to."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from pytest_arbredis.run import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from rich.console import Console

    from pytest_arbredis.errors import ArbredisError
    from pytest_arbredis.faults.nemesis import Injection
    from pytest_arbredis.load.background import Load
    from pytest_arbredis.report.result import RunResult
    from pytest_arbredis.scenario import Scenario

COLOURS = {"valid": "green", "shown": "green", "invalid": "red"}


class Progress:
    """One line that lives, and one line that stays for each scenario; without a terminal only those that stay."""

    def __init__(self, console: Console, *, total: int) -> None:
        from rich.status import Status

        self._console = console
        self._total = total
        self._count = 0
        self._status = Status("", console=console) if console.is_terminal else None
        self._running: dict[str, tuple[str, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    @contextlib.contextmanager
    def scenario(self, scenario: Scenario) -> Iterator[ScenarioWatch]:
        """Watch one scenario."""
        self._count += 1
        watch = ScenarioWatch(self._console, self._status, scenario, label=f"{self._count}/{self._total}")
        if self._status is not None:
            self._status.start()
        try:
            yield watch
        finally:
            watch.close()
            if self._status is not None:
                self._status.stop()

    # Several at a time: each has a label, and tells from time to time what it does.

    def began(self, scenario: Scenario) -> None:
        """A scenario is played now, beside others."""
        self._count += 1
        self.said(scenario, "deploy", label=f"{self._count}/{self._total}")

    def said(self, scenario: Scenario, doing: str, *, label: str = "") -> None:
        """What it does now: a phase, or a fault."""
        self._running[scenario.name] = label or self._running[scenario.name][0], doing
        self._show_running()

    def ran(self, scenario: Scenario, result: RunResult) -> None:
        """A run of it is over."""
        print_done(self._console, self._running[scenario.name][0], result)

    def failed(self, scenario: Scenario, error: ArbredisError) -> None:
        """It has no result."""
        print_failed(self._console, self._running[scenario.name][0], scenario, error)

    def ended(self, scenario: Scenario) -> None:
        """It is over."""
        del self._running[scenario.name]
        self._show_running()

    def _show_running(self) -> None:
        from rich.markup import escape

        if self._status is None:
            return
        told = (f"{label} {name}: {doing}" for name, (label, doing) in self._running.items())
        self._status.update(escape("  |  ".join(told)))
        self._status.start()


def print_done(console: Console, label: str, result: RunResult) -> None:
    """Leave the verdict's line behind."""
    from rich.text import Text

    finding = result.decisive
    colour = COLOURS.get(result.word, "yellow")
    said = finding.summary if finding is not None else result.not_run
    line = (f"{label} {result.scenario}: ", (result.word, colour), f" in {result.duration_s:.1f} s · {said}")
    console.print(Text.assemble(*line), soft_wrap=True)


def print_failed(console: Console, label: str, scenario: Scenario, error: ArbredisError) -> None:
    """Leave the failure's line behind; the whole of it is told at the end."""
    head = error.cause.partition("\n")[0]
    console.print(f"{label} {scenario.name}: harness failed: {head}", markup=False, highlight=False, soft_wrap=True)


class ScenarioWatch(Watch):
    """What one scenario tells; a scenario that measures latency is told nothing while its load runs."""

    def __init__(self, console: Console, status: object, scenario: Scenario, *, label: str) -> None:
        from rich.status import Status

        self._console = console
        self._status = status if isinstance(status, Status) else None
        self._scenario = scenario
        self._label = label
        self._load: Load | None = None
        self._phase = ""
        self._fault = ""
        self._began = time.monotonic()
        self._closed = threading.Event()
        self._ticker: threading.Thread | None = None

    def phase(self, name: str) -> None:
        """Show the phase; a quiet scenario stops the line before its load begins."""
        self._phase = name
        if self._status is None:
            return
        if not self._scenario.faults.steps and name == "load":
            self._refresh()
            self._status.stop()
            return
        self._status.start()
        if self._ticker is None and self._scenario.faults.steps:
            self._ticker = threading.Thread(target=self._tick, daemon=True)
            self._ticker.start()
        self._refresh()

    def injected(self, injection: Injection) -> None:
        """Show the last fault."""
        seen = "" if injection.observed else " (not observed)"
        self._fault = f"{injection.fault.name} {injection.target}{seen}"
        self._refresh()

    def load(self, load: Load) -> None:
        """Read its counters from now on."""
        self._load = load

    def done(self, result: RunResult) -> None:
        """Leave the verdict's line behind."""
        print_done(self._console, self._label, result)

    def failed(self, error: ArbredisError) -> None:
        """Leave the failure's line behind; the whole of it is told at the end."""
        print_failed(self._console, self._label, self._scenario, error)

    def close(self) -> None:
        """No more refreshing."""
        self._closed.set()
        if self._ticker is not None:
            self._ticker.join(1)

    def _tick(self) -> None:
        while not self._closed.wait(0.2):
            self._refresh()

    def _refresh(self) -> None:
        if self._status is None:
            return
        counts = f" · {self._load}" if self._load is not None else ""
        fault = f" · {self._fault}" if self._fault else ""
        elapsed = time.monotonic() - self._began
        from rich.markup import escape

        line = f"{self._label} {self._scenario.name}: {self._phase} {elapsed:.0f} s{fault}{counts}"
        self._status.update(escape(line))
