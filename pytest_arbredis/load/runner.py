"""The open-loop runner: every operation when the plan wants it, whatever became of those before it."""

from __future__ import annotations

import gc
import itertools
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_arbredis._clock import CLOCK, NS_PER_S, Clock
from pytest_arbredis.errors import ArbredisError, HarnessError
from pytest_arbredis.load.client import Client, Orders, Tally
from pytest_arbredis.load.core_watch import watched_cores
from pytest_arbredis.load.wakefulness import keep_awake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.history.recorder import Recorder
    from pytest_arbredis.load.protocol import Endpoints, Subject
    from pytest_arbredis.load.workloads import Workload

_SWITCH_INTERVAL_S = 0.0005  # a thread whose reply is there waits at most this long for another thread's Python
_OPEN_WITHIN_S = 30.0
_JOIN_S = 0.05
_BEFORE_THE_LOAD = (
    "before the load began",
    "mend the subject's `open`; what it is given: url, primary, sentinels, master_name, login, env",
)
_WHILE_IT_WORKED = (
    "while it worked",
    "the outcome table (load/outcomes.py) judges only what it lists: mend the subject's `apply`, or list the error",
)


@dataclass(slots=True)
class Progress:
    """What the load did so far, to be read while it runs. Give one to `run_load`."""

    planned: int = 0
    is_running: bool = False
    began_ns: int = 0
    tallies: list[Tally] = field(default_factory=list)

    @property
    def ok(self) -> int:
        """Operations that were applied."""
        return sum(tally.ok for tally in self.tallies)

    @property
    def fail(self) -> int:
        """Operations that were sent, or tried, and certainly not applied."""
        return sum(tally.fail for tally in self.tallies)

    @property
    def unknown(self) -> int:
        """Operations of which it cannot be known, or which too few replicas confirmed."""
        return sum(tally.unknown for tally in self.tallies)

    @property
    def not_sent(self) -> int:
        """Operations that were planned, and never sent because the load ended."""
        return sum(tally.not_sent for tally in self.tallies)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What a load did. `retired` counts process numbers that ended with an unknown operation, `hung` names clients."""

    began_ns: int
    ended_ns: int
    planned: int
    ok: int
    fail: int
    unknown: int
    not_sent: int
    retired: int
    hung: tuple[int, ...] = ()


def run_load(
    workload: Workload,
    subject: Subject,
    endpoints: Endpoints,
    recorder: Recorder,
    *,
    seed: int,
    seconds: float,
    run: str,
    clock: Clock = CLOCK,
    stop: threading.Event | None = None,
    progress: Progress | None = None,
    grace_s: float = 15.0,
) -> LoadReport:
    """Apply a workload to a subject for `seconds`, or until `stop` is set; one thread a client.

    Sessions are opened before the load begins. An operation that is still planned when the load ends is recorded as not
    sent. An error that the outcome table does not list ends the load and is raised, as the cause of a `HarnessError`,
    once all threads have ended. A thread that hangs `grace_s` after the end is left behind and reported.
    """
    orders = Orders(
        workload=workload,
        subject=subject,
        endpoints=endpoints,
        recorder=recorder,
        clock=clock,
        seed=seed,
        seconds=seconds,
        run=run,
        processes=itertools.count(),
        go=threading.Event(),
        stop=stop or threading.Event(),
        abort=threading.Event(),
    )
    clients = [Client(number, orders) for number in range(workload.clients)]
    live = progress or Progress()
    live.tallies = [client.tally for client in clients]
    live.planned = sum(1 for client in clients for _ in client.plan())
    live.is_running = True
    with _undisturbed(), keep_awake(wanted=workload.floor) as awake, _core_watch(orders):
        if workload.floor:
            recorder.note(source="harness", data=awake.noted)
        try:
            _open(clients, orders)
            began_ns = clock.now_ns()
            for client in clients:
                client.began_ns = began_ns
            orders.go.set()
            live.began_ns = began_ns
            hung = _join(clients, orders, began_ns + int(seconds * NS_PER_S), grace_s)
        finally:
            orders.abort.set()
            orders.go.set()
            live.is_running = False
    ended_ns = clock.now_ns()
    _raise_first(clients, subject)
    for client in hung:
        for planned in itertools.islice(client.plan(), client.done + 1, None):
            client.skip(planned)
    return LoadReport(
        began_ns=began_ns,
        ended_ns=ended_ns,
        planned=live.planned,
        ok=live.ok,
        fail=live.fail,
        unknown=live.unknown,
        not_sent=live.not_sent,
        retired=sum(client.retired for client in clients),
        hung=tuple(client.number for client in hung),
    )


@contextmanager
def _core_watch(orders: Orders) -> Iterator[None]:
    """While entered, the cores are watched if the load measures a noise floor; what was seen is noted at the end."""
    with watched_cores(orders.clock, wanted=orders.workload.floor) as watch:
        yield
    if orders.workload.floor:
        orders.recorder.note(source="harness", data=watch.noted)


def _open(clients: list[Client], orders: Orders) -> None:
    for client in clients:
        client.thread.start()
    deadline = time.monotonic() + _OPEN_WITHIN_S
    for client in clients:
        if not client.ready.wait(max(0.0, deadline - time.monotonic())):
            raise HarnessError(
                f"client {client.number} of {orders.subject.name} did not open its session within {_OPEN_WITHIN_S:g} s",
                remedy="look whether the servers answer: arbredis doctor",
            )


def _join(clients: list[Client], orders: Orders, end_ns: int, grace_s: float) -> list[Client]:
    """Wait for the threads; those that hang `grace_s` (of real time) after the end are abandoned, and given."""
    over_since: float | None = None
    while alive := [client for client in clients if client.thread.is_alive()]:
        alive[0].thread.join(_JOIN_S)
        if orders.clock.now_ns() < end_ns and not (orders.stop.is_set() or orders.abort.is_set()):
            continue
        over_since = over_since or time.monotonic()
        if time.monotonic() - over_since > grace_s:
            for client in alive:
                client.abandoned = True
            return alive
    return []


def _raise_first(clients: list[Client], subject: Subject) -> None:
    for client in clients:
        error = client.failure
        if isinstance(error, ArbredisError):
            raise error
        if error is not None:
            what, remedy = _WHILE_IT_WORKED if client.opened else _BEFORE_THE_LOAD
            raise HarnessError(
                f"client {client.number} of {subject.name} raised {type(error).__name__} {what}: {error}",
                remedy=remedy,
            ) from error


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Threads take turns quickly, and the collector leaves alone what was there before."""
    interval = sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.unfreeze()
