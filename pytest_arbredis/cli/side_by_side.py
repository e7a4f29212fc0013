"""Several scenarios of a drill at a time, each worker a process with servers of its own.

What measures time is played when everything else is over, and alone. A worker is told an index into the scenarios,
which it finds out for itself, and answers with what happens and with the outcome. Ctrl-C and SIGTERM reach the drill,
which ends its workers; each heals and keeps what it has. A worker whose drill is gone ends by itself.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections import deque
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import ArbredisError, HarnessError, UsageError
from pytest_arbredis.run import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection
    from types import FrameType

    from pytest_arbredis.cli.asked import Asked
    from pytest_arbredis.cli.playing import Playing
    from pytest_arbredis.cli.progress import Progress
    from pytest_arbredis.faults.nemesis import Injection
    from pytest_arbredis.report.result import RunResult
    from pytest_arbredis.scenario import Scenario
    from pytest_arbredis.topology.pool import DeploymentPool

END_WITHIN_S = 60.0
"""A worker that was told to end heals, saves and ends its servers; after so long it is killed."""

SAID, RAN, OUTCOME, FAILED, REFUSED = "said", "ran", "outcome", "failed", "refused"
"""What a worker tells: what happens now, a run that is over, the result that counts, why there is none, wrong usage."""


def play_side_by_side(
    asked: Asked, scenarios: Sequence[Scenario], playing: Playing, *, workers: int, progress: Progress
) -> list[RunResult | ArbredisError]:
    """The outcome of each of `asked.scenarios()`, in their order. Raises `UsageError` as `Playing.play` does."""
    outcomes: dict[int, RunResult | ArbredisError] = {}
    measuring = [index for index, scenario in enumerate(scenarios) if scenario.workload.floor]
    others = [index for index in range(len(scenarios)) if index not in set(measuring)]
    for indexes, most in ((others, min(workers, len(others))), (measuring, min(1, len(measuring)))):
        team = [_Worker(asked, playing, number) for number in range(1, most + 1)]
        try:
            _play(deque(indexes), scenarios, team, progress, outcomes)
        except BaseException:
            for worker in team:
                worker.terminate()
            raise
        finally:
            for worker in team:
                worker.close()
    return [outcomes[index] for index in range(len(scenarios))]


def _play(
    left: deque[int],
    scenarios: Sequence[Scenario],
    team: list[_Worker],
    progress: Progress,
    outcomes: dict[int, RunResult | ArbredisError],
) -> None:
    """Give every index that is left to a worker of the team, and take what they tell."""
    for worker in team:
        _next(worker, left, scenarios, progress)
    while busy := {worker.channel: worker for worker in team if worker.index is not None}:
        for channel in wait(list(busy)):
            worker = busy[channel]  # type: ignore[index]  # what was waited for
            index = worker.index or 0
            scenario = scenarios[index]
            kind, told = worker.heard()
            if kind == SAID:
                progress.said(scenario, told)
            elif kind == RAN:
                progress.ran(scenario, told)
            elif kind == REFUSED:
                raise UsageError(told[0], remedy=told[1])
            else:
                if kind == FAILED:
                    told = HarnessError(told[0], remedy=told[1])
                    progress.failed(scenario, told)
                outcomes[index] = told
                progress.ended(scenario)
                _next(worker, left, scenarios, progress)


def _next(worker: _Worker, left: deque[int], scenarios: Sequence[Scenario], progress: Progress) -> None:
    """The next scenario for a worker: one on the servers that it has, if there is one."""
    worker.index = None
    if not left:
        return
    index = next((one for one in left if scenarios[one].topology == worker.topology), left[0])
    left.remove(index)
    worker.topology = scenarios[index].topology
    progress.began(scenarios[index])
    worker.play(index)


class _Worker:
    """A process that plays; begun anew where it has died. As a context manager it is ended on every way out."""

    def __init__(self, asked: Asked, playing: Playing, number: int) -> None:
        self._asked = asked
        self._playing = replace(playing, worker=f"worker{number}")
        self.index: int | None = None
        self.topology: object = None
        self._begin()

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.channel, its = context.Pipe()
        self._process = context.Process(target=_work, args=(its, self._asked, self._playing))
        self._process.start()
        its.close()

    def play(self, index: int) -> None:
        """Send it the next one."""
        self.index = index
        with contextlib.suppress(OSError):  # it is gone: `heard` says so
            self.channel.send(index)

    def heard(self) -> tuple[str, Any]:
        """What it tells. If it is gone, that is the outcome of what it played, and another one is begun."""
        try:
            kind, told = self.channel.recv()
        except (EOFError, OSError):
            self._process.join(END_WITHIN_S)
            cause = f"the process that played it ended with status {self._process.exitcode}"
            self._begin()
            return FAILED, (cause, "play it alone, by its name: what it runs may end the process that it is in")
        return kind, told

    def terminate(self) -> None:
        """Have it end what it plays: it heals and saves."""
        self._process.terminate()

    def close(self) -> None:
        """Have it end its servers and itself, and wait for that."""
        self.channel.close()
        self._process.join(END_WITHIN_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


class _EndedError(BaseException):
    """The drill told its worker to end, on its way through every context manager."""


@dataclass(frozen=True, slots=True)
class _Telling(Watch):
    """Tells the drill what happens; while a quiet scenario measures there is nothing to tell."""

    channel: Connection

    def phase(self, name: str) -> None:
        self.channel.send((SAID, name))

    def injected(self, injection: Injection) -> None:
        seen = "" if injection.observed else " (not observed)"
        self.channel.send((SAID, f"{injection.fault.name} {injection.target}{seen}"))


def _work(channel: Connection, asked: Asked, playing: Playing) -> None:
    """The worker: play what comes, until the channel is closed."""
    from pytest_arbredis.topology.pool import DeploymentPool

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C of a terminal: the drill tells us
    signal.signal(signal.SIGTERM, _end)
    orders = _Orders(channel)
    with contextlib.suppress(_EndedError, BrokenPipeError):
        scenarios = asked.scenarios()
        with DeploymentPool(playing.means) as pool:
            while (index := orders.next()) is not None:
                channel.send(_outcome(playing, scenarios[index], pool, channel))


def _outcome(playing: Playing, scenario: Scenario, pool: DeploymentPool, channel: Connection) -> tuple[str, object]:
    """What the drill is told at the end of a scenario. An error is told by what it says: its class stays here."""
    try:
        outcome = playing.play(
            scenario, pool, watch=_Telling(channel), done=lambda result: channel.send((RAN, _light(result)))
        )
    except UsageError as error:
        return REFUSED, (error.cause, error.remedy)
    if isinstance(outcome, ArbredisError):
        return FAILED, (outcome.cause, outcome.remedy)
    return OUTCOME, _light(outcome)


def _light(result: RunResult) -> RunResult:
    """Without its history where nothing of it is shown."""
    return replace(result, history=None) if result.verdict is Verdict.VALID else result


class _Orders:
    """What the drill tells. When it is gone while something is played, that is ended."""

    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self._told: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._idle = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def next(self) -> int | None:
        """Wait for the next scenario; None if there is none any more."""
        self._idle.set()
        index = self._told.get()
        self._idle.clear()
        return index

    def _listen(self) -> None:
        try:
            while True:
                self._told.put(self._channel.recv())
        except (EOFError, OSError):
            if not self._idle.is_set():
                os.kill(os.getpid(), signal.SIGTERM)
            self._told.put(None)


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # healing is under way
    raise _EndedError(number, frame)
