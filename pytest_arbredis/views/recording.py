"""Operations of the code under test, recorded into its test's history as those of a load are."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from pytest_arbredis._dials import harness_dials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.recorder import Recorder
    from pytest_arbredis.history.records import Json, Op, Outcome
    from pytest_arbredis.load.floor import FloorSession
    from pytest_arbredis.topology.node import Address
    from pytest_arbredis.views.topology import TopologyView

    T = TypeVar("T")

FLOOR = "noise floor"
"""Name of the operations that measure the noise floor: raw PINGs of the harness, on the path of the client."""
FLOOR_EVERY = 10
LONGEST = 1024
"""Of a recorded text or bytes; the rest is cut off."""


@dataclass(slots=True)
class Said:
    """What a block of one's own says of its operation."""

    output: Json = None


class Complete(Protocol):
    """Tells what an operation was answered; a pipeline of which commands failed says so by `outcome` and `error`."""

    def __call__(self, output: Json, *, outcome: Outcome = "ok", error: str | None = None) -> None:
        """Record it."""
        ...


@dataclass(slots=True)
class Mine:
    """What a thread or a task has open, and the processes of the history that it is, by depth."""

    depth: int = 0
    processes: dict[int, int] = field(default_factory=dict)


class OperationRecorder:
    """The fixture `redis_recorder`: what the clients of the test did, and operations of one's own.

    Threads and asyncio's tasks are processes of the history; one whose operation ended unknown goes on under a new
    number. Operations within one of one's own are those of another process.
    """

    def __init__(self, view: TopologyView) -> None:
        self._view = view
        self._recorder: Recorder = view.recorder
        self._numbers = itertools.count()
        self._threads = threading.local()
        self._tasks: WeakKeyDictionary[asyncio.Task[Any], Mine] = WeakKeyDictionary()
        self._since_floor = 0
        self._floor: FloorSession | None = None
        self._floor_at: Address | None = None
        self._is_awake = False

    @property
    def history(self) -> History:
        """Everything recorded up to now: operations, faults, events."""
        return self._view.history()

    def operations(self, *names: str) -> tuple[Op, ...]:
        """The recorded operations up to now, in order of their invocation; of some names only, if any are given."""
        return tuple(op for op in self.history.ops if (op.name in names if names else op.name != FLOOR))

    @contextlib.contextmanager
    def operation(self, name: str, *, key: str | None = None, input: Json = None) -> Iterator[Said]:
        """Record a block as one operation: `with redis_recorder.operation("place_order", key="o1") as said:`.

        What it raises is raised; redis-py's errors and the builtin ones of a connection say what became of it.
        """
        said = Said()
        with self.recording(name, key=key, input=input) as complete:
            yield said
            complete(said.output)

    @contextlib.contextmanager
    def recording(
        self,
        name: str,
        *,
        key: str | None = None,
        input: Json = None,
        sent: Callable[[], tuple[int | None, Sequence[str]]] = lambda: (None, ()),
        commands: int | None = None,
    ) -> Iterator[Complete]:
        """The same for a client: `sent` says how often, and to whom; what is given must be called at the end.

        `commands` is how many a pipeline has, None for a single command.
        """
        recorder, clock = self._recorder, self._recorder.clock
        mine = self._mine()
        depth = mine.depth
        token = recorder.begin(process=self._process(mine), name=name, key=key, input=bounded(input))
        mine.depth = depth + 1
        recorder.invoked(token, clock.now_ns())

        def complete(output: Json, *, outcome: Outcome = "ok", error: str | None = None) -> None:
            completed_ns = clock.now_ns()
            attempts, tried = sent()
            node = tried[-1] if tried else None
            recorder.complete(
                token,
                outcome=outcome,
                output=output,
                node=node,
                attempts=attempts,
                completed_ns=completed_ns,
                error=error and error[:240],
            )

        try:
            yield complete
        except BaseException as error:
            from pytest_arbredis.load.outcomes import classify

            attempts, tried = sent()
            outcome = classify(error, attempts=attempts, commands=commands) or "unknown"
            text = " ".join(f"{type(error).__name__}: {error}".split())[:240]
            meta: dict[str, Json] = {"tried": [*tried]} if tried else {}
            recorder.complete(token, outcome=outcome, error=text, attempts=attempts, meta=meta)
            if outcome == "unknown":
                del mine.processes[depth]  # it goes on under another number
            raise
        finally:
            mine.depth = depth
            self._since_floor += 1
            if self._floor_at is not None and depth == 0 and self._since_floor >= FLOOR_EVERY:
                self._since_floor = 0
                self._measure_floor(self._floor_at, mine)

    def measure_floor_at(self, address: Address) -> None:
        """From now on, measure the noise floor there after every tenth operation; again does nothing."""
        if address != self._floor_at:
            self.close()
            self._floor_at = address
            self._stay_awake()

    def _stay_awake(self) -> None:
        """From now to the end of the test, cores do not sleep between its operations, where that is possible."""
        from pytest_arbredis.load.wakefulness import keep_awake

        if not self._is_awake:
            self._is_awake = True
            awake = self._view.undo.enter_context(keep_awake())
            self._recorder.note("harness", awake.noted)

    def _measure_floor(self, address: Address, mine: Mine) -> None:
        """One raw PING, recorded; one that fails is recorded as unknown and not raised. An event loop waits for it."""
        from pytest_arbredis.load.floor import FloorSession
        from pytest_arbredis.topology.node import HARNESS_CLIENT

        recorder, clock = self._recorder, self._recorder.clock
        token = recorder.begin(process=self._process(mine), name=FLOOR)
        try:
            if self._floor is None:
                with harness_dials():
                    self._floor = FloorSession(address, name=HARNESS_CLIENT, login=self._view.floor_login(address))
            recorder.invoked(token, clock.now_ns())
            self._floor.ping()
        except (OSError, EOFError) as error:
            self.close()
            recorder.complete(token, outcome="unknown", error=type(error).__name__)
            del mine.processes[0]
        else:
            recorder.complete(token, outcome="ok", output="PONG")

    def close(self) -> None:
        """Give back the socket of the noise floor."""
        if self._floor is not None:
            self._floor.close()
            self._floor = None

    def _mine(self) -> Mine:
        """What belongs to the present task, or to this thread where none runs."""
        try:
            task = asyncio.current_task()
        except RuntimeError:  # no event loop runs here
            task = None
        if task is not None:
            return self._tasks.setdefault(task, Mine())
        known: Mine | None = getattr(self._threads, "mine", None)
        if known is None:
            known = self._threads.mine = Mine()
        return known

    def _process(self, mine: Mine) -> int:
        """Its process for an operation within those that it has open."""
        if mine.depth not in mine.processes:
            mine.processes[mine.depth] = next(self._numbers)
        return mine.processes[mine.depth]


def bounded(value: object) -> Json:
    """A value as it is recorded: JSON or bytes, texts and lists cut to a bearable length."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        raw = bytes(value)[:LONGEST]
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw
    if isinstance(value, str):
        return value[:LONGEST]
    if isinstance(value, (list, tuple)):
        return [bounded(one) for one in value[:100]]
    return repr(value)[:LONGEST]
