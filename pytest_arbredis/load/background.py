"""A load that runs beside its caller, whose thread is left to the nemesis and to Ctrl-C."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_arbredis._clock import wait_until
from pytest_arbredis.load.runner import LoadReport, Progress, run_load

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from pytest_arbredis.history.recorder import Recorder
    from pytest_arbredis.load.protocol import Endpoints, Subject
    from pytest_arbredis.load.workloads import Workload

BEGINS_WITHIN_S = 60.0


@dataclass(eq=False, kw_only=True)
class Load:
    """`run_load` in a thread of its own. As a context manager it is stopped, and waited for, on every way out."""

    workload: Workload
    subject: Subject
    endpoints: Endpoints
    recorder: Recorder
    seed: int
    seconds: float
    run: str
    progress: Progress = field(default_factory=Progress)
    stop: threading.Event = field(default_factory=threading.Event)
    _report: LoadReport | None = None
    _failure: BaseException | None = None
    _thread: threading.Thread | None = None

    def start(self) -> int:
        """Begin; returns when the first operation is due, in nanoseconds of the monotonic clock."""
        self._thread = threading.Thread(target=self._run, name="arbredis-load", daemon=True)
        self._thread.start()
        wait_until(
            lambda: self.progress.began_ns or not self._alive,
            within_s=BEGINS_WITHIN_S,
            what=f"the load on {self.subject.name} to begin",
            every_s=0.001,
        )
        return self.progress.began_ns

    def join(self) -> LoadReport:
        """Wait for its end. Raises what ended it early."""
        while self._alive and self._thread is not None:
            self._thread.join(0.1)
        if self._failure is not None:
            raise self._failure
        if self._report is None:
            raise RuntimeError("a load is joined that was never started")
        return self._report

    @property
    def _alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._report = run_load(
                self.workload,
                self.subject,
                self.endpoints,
                self.recorder,
                seed=self.seed,
                seconds=self.seconds,
                run=self.run,
                stop=self.stop,
                progress=self.progress,
            )
        except BaseException as error:  # noqa: BLE001 - raised again by join
            self._failure = error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop.set()
        while self._alive and self._thread is not None:
            self._thread.join(0.1)

    def __str__(self) -> str:
        told = self.progress
        return f"{told.ok} ok, {told.fail} refused, {told.unknown} unknown of {told.planned}"
