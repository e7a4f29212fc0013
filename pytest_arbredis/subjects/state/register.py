"""The state layer's connections as a subject: keys that are written, read, counted up; all clients share one pool.

In asyncio they are tasks of one event loop; or, as latency is measured, each has a loop and a pool of its own, and only
the circuit breaker is shared.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.state.asks import Command, Confirm
from pytest_arbredis.state.breaker.breaker import HARDENINGS as OF_THE_BREAKER
from pytest_arbredis.state.breaker.policy import BreakerPolicy  # noqa: TC001 - users' tools resolve the fields
from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.settings import HARDENINGS as OF_CONNECTIONS
from pytest_arbredis.state.errors import NotConfirmedError, StateError
from pytest_arbredis.state.hardenings import require_known
from pytest_arbredis.subjects.redis_py_operations import node_name, output_of
from pytest_arbredis.subjects.state.cancelling import CancelledCall, cancelled, moment_s
from pytest_arbredis.subjects.state.loops import LoopRedis
from pytest_arbredis.subjects.state.of_load import OfLoad, of_load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Address, Endpoints, Invocation
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.subjects.state.of_load import Side
    from pytest_arbredis.subjects.state.watch import Call

COMMANDS = {
    "write": "SET",
    "read": "GET",
    "increment": "INCRBY",
    "SET": "SET",
    "GET": "GET",
    "PUBLISH": "PUBLISH",
    "PING": "PING",
}
"""The operations, each one command."""

CHANGING = frozenset({"write", "increment", "SET"})
"""Those that wait for replicas, if asked."""

OF_THE_CALLER = frozenset(
    {
        "own-breaker",  # without: one breaker for both Redis
        "wait",  # without: what the primary says OK to is taken as confirmed by all
    }
)
"""What is the caller's to do with the layer, as this one does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateLayer:
    """Implements `Subject`: `StateRedis`, or `AsyncStateRedis` with `asyncio`.

    With `asyncio` its clients are tasks of one event loop; with `own_loops` each has one, in its own thread. A share
    `cancelled` of their calls is cancelled by the caller, at any moment.

    Every call has `within_s` in total. With `wait_replicas` a change waits for so many, `wait_ms` at the most. On a
    dual topology reads go to the second Redis, past a pool and a breaker of its own. With `wall_step_s` the wall clock
    that the breaker could read is set by so much whenever it opens.
    """

    wait_replicas: int = 0
    wait_ms: int = 200
    within_s: float = 1.0
    asyncio: bool = False
    own_loops: bool = False
    cancelled: float = 0.0
    breaker: BreakerPolicy | None = None
    max_connections: int = 50
    keeps_state: bool = True
    wall_step_s: float = 0.0
    without: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        require_known(self.without, OF_CONNECTIONS | OF_THE_BREAKER | OF_THE_CALLER)
        together = self.asyncio and not self.own_loops
        if not 0 <= self.cancelled <= 1 or (self.cancelled and not together) or (self.own_loops and not self.asyncio):
            raise UsageError(f"{self}", remedy="give a share from 0 to 1, and own_loops or cancelled to asyncio only")
        if self.wait_replicas < 0 or self.within_s <= 0 or self.wait_ms <= 0:
            raise UsageError(f"{self}", remedy="give 0 or more replicas, and times above 0")

    @property
    def name(self) -> str:
        """What it is made of."""
        told = "state layer, asyncio" if self.asyncio else "state layer"
        told += f", {self.cancelled:.0%} cancelled" if self.cancelled else ""
        told += f", WAIT {self.wait_replicas}" if self.wait_replicas else ""
        told += ", breaker" if self.breaker is not None else ""
        return told + "".join(f", without {one}" for one in sorted(self.without))

    @property
    def own_names(self) -> bool:
        """Its keys are those that it is asked for."""
        return False

    @property
    def confirms(self) -> bool:
        """Its writes say how many replicas confirmed them."""
        return self.wait_replicas > 0

    @property
    def says_fail(self) -> bool:
        """Its errors say whether anything was applied."""
        return True

    @property
    def operations(self) -> frozenset[str]:
        """What its sessions can apply."""
        return frozenset(COMMANDS)

    def open(self, endpoints: Endpoints) -> StateLayerSession:
        """A client; the first of a load makes what all share."""
        return StateLayerSession(self, of_load(self, endpoints))


class StateLayerSession:
    """Implements `Session`, `CountsAttempts` and `ReportsBreaker`."""

    def __init__(self, subject: StateLayer, shared: OfLoad) -> None:
        self._subject = subject
        self._shared = shared
        self._watch = shared.watch
        self._nodes: dict[Address, str] = {}
        self.attempts = 0
        self.tried: tuple[str, ...] = ()
        self._loop: asyncio.Runner | None = asyncio.Runner() if subject.own_loops else None
        self._own: dict[Side, AsyncStateRedis] = {}
        if self._loop is not None:
            for side, settings in shared.settings.items():
                self._own[side] = AsyncStateRedis(settings, breaker=shared.breakers[side], witness=shared.watch)
        for side in shared.settings:
            self._run(side, _asking("PING"), None)

    def report_breaker_to(self, moved: Callable[[dict[str, Json]], None]) -> None:
        """One session tells of the breakers that all share."""
        if self._shared.note is None:
            self._shared.note = moved

    def apply(self, op: Invocation) -> Answer:
        """Apply one operation; errors say themselves what was applied."""
        call = self._watch.begin()
        side: Side = "queue" if op.name == "read" and "queue" in self._shared.settings else "application"
        try:
            return self._answer(op, call, side)
        finally:
            self.attempts = call.sends
            self.tried = tuple(map(self._node, call.tried))

    def _answer(self, op: Invocation, call: Call, side: Side) -> Answer:
        wanted = self._subject.wait_replicas if op.name in CHANGING else 0
        confirmed = None
        moment = moment_s(op.id, self._subject.cancelled)
        try:
            reply, confirmed = self._run(side, self._plan(op, call, wanted), moment)
        except CancelledCall:
            return Answer(
                outcome="unknown" if call.sends else "fail",
                error="Cancelled: by its caller",
                attempts=call.sends,
                entered_ns=call.entered_ns,
            )
        except NotConfirmedError as error:
            reply, confirmed = "OK", error.confirmed
        except StateError as error:
            return Answer(
                outcome="fail" if error.applied == "no" else "unknown",
                error=f"{type(error).__name__}: {error.cause}",
                attempts=call.sends,
                entered_ns=call.entered_ns,
            )
        return Answer(
            output=output_of(op, reply),
            confirmed=confirmed,
            wanted=wanted or None,
            node=self._node(call.tried[-1]) if call.tried else None,
            attempts=call.sends,
            entered_ns=call.entered_ns,
        )

    def _plan(self, op: Invocation, call: Call, wanted: int) -> Plan[tuple[Any, int | None]]:
        reply = yield Command(*_arguments(op))
        if not wanted:
            return reply, None
        if "wait" in self._subject.without:
            return reply, wanted
        call.counts = False  # a WAIT is no attempt
        return reply, (yield Confirm(wanted, self._subject.wait_ms))

    def _run(self, side: Side, plan: Plan[Any], cancelled_s: float | None) -> Any:
        if self._loop is None:
            state = self._shared.states[side]
            if cancelled_s is None or not isinstance(state, LoopRedis):
                return state.run(plan, within_s=self._subject.within_s)
            call = state.redis.run(plan, within_s=self._subject.within_s)
            return state.loop.result(cancelled(call, after_s=cancelled_s))
        return self._loop.get_loop().run_until_complete(self._own[side].run(plan, within_s=self._subject.within_s))

    def _node(self, address: Address) -> str:
        if address not in self._nodes:
            self._nodes[address] = node_name(self._shared.endpoints, address)
        return self._nodes[address]

    def close(self) -> None:
        """Close what is this client's; the last one closes what all share."""
        if self._loop is not None:
            for state in self._own.values():
                self._loop.run(state.close())
            self._loop.close()
        self._shared.leave()


def _asking(*args: str) -> Plan[Any]:
    return (yield Command(*args))


def _arguments(op: Invocation) -> tuple[str | bytes | int | float, ...]:
    command = COMMANDS.get(op.name)
    if command is None:
        raise UsageError.unknown("operation", op.name, COMMANDS)
    if command == "PING":
        return (command,)
    if command == "GET":
        return command, op.key
    value = 1 if op.name == "increment" and op.input is None else op.input
    if not isinstance(value, str | bytes | int | float) or isinstance(value, bool):
        raise UsageError(f"{op.name} of {op.input!r}", remedy="write a string, bytes or a number")
    return command, op.key, value


def state_layer(
    *,
    wait_replicas: int = 0,
    wait_ms: int = 200,
    within_s: float = 1.0,
    asyncio: bool = False,
    own_loops: bool = False,
    cancelled: float = 0.0,
    breaker: BreakerPolicy | None = None,
    max_connections: int = 50,
    keeps_state: bool = True,
    wall_step_s: float = 0.0,
    _without: Iterable[str] = (),
) -> StateLayer:
    """The state layer's own connections, with deadlines; with a circuit breaker if a policy is given."""
    return StateLayer(
        wait_replicas=wait_replicas,
        wait_ms=wait_ms,
        within_s=within_s,
        asyncio=asyncio,
        own_loops=own_loops,
        cancelled=cancelled,
        breaker=breaker,
        max_connections=max_connections,
        keeps_state=keeps_state,
        wall_step_s=wall_step_s,
        without=frozenset(_without),
    )
