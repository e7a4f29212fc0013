"""Operations of the code under test, recorded into its test's history as those of a load are."""

from __future__ import annotations

import contextlib
import itertools
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._dials import harness_dials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.recorder import Recorder
    from pytest_arbredis.history.records import Json, Op
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


class OperationRecorder:
    """The fixture `redis_recorder`: what `redis_client` did, and operations of one's own.

    Threads are processes of the history; one whose operation ended unknown goes on under a new number. Operations
    within one of one's own are those of another process.
    """

    def __init__(self, view: TopologyView) -> None:
        self._view = view
        self._recorder: Recorder = view.recorder
        self._numbers = itertools.count()
        self._mine = threading.local()
        self._since_floor = 0
        self._floor: FloorSession | None = None
        self._floor_at: Address | None = None

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
    ) -> Iterator[Callable[[Json], None]]:
        """The same for a client: `sent` says how often, and to whom; what is given must be called at the end."""
        recorder, clock = self._recorder, self._recorder.clock
        depth = self._depth()
        token = recorder.begin(process=self._process(depth), name=name, key=key, input=bounded(input))
        self._mine.depth = depth + 1
        recorder.invoked(token, clock.now_ns())

        def complete(output: Json) -> None:
            completed_ns = clock.now_ns()
            attempts, tried = sent()
            node = tried[-1] if tried else None
            recorder.complete(
                token, outcome="ok", output=output, node=node, attempts=attempts, completed_ns=completed_ns
            )

        try:
            yield complete
        except BaseException as error:
            from pytest_arbredis.load.outcomes import classify

            attempts, tried = sent()
            outcome = classify(error, attempts=attempts) or "unknown"
            text = " ".join(f"{type(error).__name__}: {error}".split())[:240]
            meta: dict[str, Json] = {"tried": [*tried]} if tried else {}
            recorder.complete(token, outcome=outcome, error=text, attempts=attempts, meta=meta)
            if outcome == "unknown":
                self._retire(depth)
            raise
        finally:
            self._mine.depth = depth
            self._since_floor += 1
            if self._floor_at is not None and depth == 0 and self._since_floor >= FLOOR_EVERY:
                self._since_floor = 0
                self._measure_floor(self._floor_at)

    def measure_floor_at(self, address: Address) -> None:
        """From now on, measure the noise floor there after every tenth operation; again does nothing."""
        if address != self._floor_at:
            self.close()
            self._floor_at = address

    def _measure_floor(self, address: Address) -> None:
        """One raw PING, recorded; one that fails is recorded as unknown and not raised."""
        from pytest_arbredis.load.floor import FloorSession
        from pytest_arbredis.topology.node import HARNESS_CLIENT

        recorder, clock = self._recorder, self._recorder.clock
        token = recorder.begin(process=self._process(0), name=FLOOR)
        try:
            if self._floor is None:
                with harness_dials():
                    self._floor = FloorSession(address, name=HARNESS_CLIENT, login=self._view.floor_login(address))
            recorder.invoked(token, clock.now_ns())
            self._floor.ping()
        except (OSError, EOFError) as error:
            self.close()
            recorder.complete(token, outcome="unknown", error=type(error).__name__)
            self._retire(0)
        else:
            recorder.complete(token, outcome="ok", output="PONG")

    def close(self) -> None:
        """Give back the socket of the noise floor."""
        if self._floor is not None:
            self._floor.close()
            self._floor = None

    def _depth(self) -> int:
        """How many operations this thread has open."""
        return getattr(self._mine, "depth", 0)

    def _process(self, depth: int) -> int:
        """This thread's process for operations within so many others."""
        numbers: dict[int, int] = vars(self._mine).setdefault("processes", {})
        if depth not in numbers:
            numbers[depth] = next(self._numbers)
        return numbers[depth]

    def _retire(self, depth: int) -> None:
        del vars(self._mine)["processes"][depth]


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
