"""The state layer's connections as a subject: keys that are written, read, counted up; all clients share one pool.

In asyncio every client has an event loop and a pool of its own; the circuit breaker is shared.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.state.asks import Command, Confirm
from pytest_arbredis.state.breaker.breaker import Breaker
from pytest_arbredis.state.breaker.policy import BreakerPolicy  # noqa: TC001 - users' tools resolve the fields
from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.errors import NotConfirmedError, StateError
from pytest_arbredis.subjects.redis_py_operations import node_name, output_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Address, Endpoints, Invocation
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.breaker.transition import Transition

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


@dataclass(frozen=True, slots=True, kw_only=True)
class StateLayer:
    """Implements `Subject`: `StateRedis`, or `AsyncStateRedis` with `asyncio`.

    Every call has `within_s` in total. With `wait_replicas` a change waits for so many, `wait_ms` at the most. On a
    dual topology reads go to the second Redis, past a pool and a breaker of its own.
    """

    wait_replicas: int = 0
    wait_ms: int = 200
    within_s: float = 1.0
    asyncio: bool = False
    breaker: BreakerPolicy | None = None
    max_connections: int = 50
    keeps_state: bool = True
    without: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.wait_replicas < 0 or self.within_s <= 0 or self.wait_ms <= 0:
            raise UsageError(f"{self}", remedy="give 0 or more replicas, and times above 0")

    @property
    def name(self) -> str:
        """What it is made of."""
        told = "state layer, asyncio" if self.asyncio else "state layer"
        told += f", WAIT {self.wait_replicas}" if self.wait_replicas else ""
        told += ", breaker" if self.breaker is not None else ""
        return told + "".join(f", without {one}" for one in sorted(self.without))

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
        return StateLayerSession(self, _shared(self, endpoints))


@dataclass(slots=True)
class _Call:
    """What the present call of a thread did so far."""

    entered_ns: int | None = None
    sends: int = 0
    tried: list[Address] = field(default_factory=list)
    counts: bool = True


class Watch(threading.local):
    """Implements the layer's `Witness`, for each thread by itself."""

    def __init__(self) -> None:
        self.call = _Call()

    def entered(self, at_ns: int) -> None:
        """As `Witness.entered`."""
        self.call.entered_ns = at_ns

    def dialled(self, address: Address) -> None:
        """As `Witness.dialled`."""
        if address not in self.call.tried:
            self.call.tried.append(address)

    def sent(self, address: Address) -> None:
        """As `Witness.sent`."""
        self.dialled(address)
        self.call.sends += self.call.counts


Side = Literal["application", "queue"]


class _Shared:
    """What all clients of one load share, for as long as one of them uses it."""

    def __init__(self, subject: StateLayer, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.watch = Watch()
        self.note: Callable[[dict[str, Json]], None] | None = None
        self.users = 0
        login = endpoints.login
        common: dict[str, Any] = {
            "username": login.user,
            "password": login.password,
            "tls": login.ca is not None,
            "tls_ca_file": None if login.ca is None else str(login.ca),
            "breaker": None,
            "max_connections": subject.max_connections,
            "keeps_state": subject.keeps_state,
            "_without": subject.without,
        }
        self.settings: dict[Side, Settings] = {
            "application": Settings(
                address=endpoints.primary,
                sentinels=endpoints.sentinels,
                master_name=endpoints.master_name,
                **common,
            )
        }
        if endpoints.second is not None:
            self.settings["queue"] = Settings(address=endpoints.second, **common)
        self.breakers = {side: self._breaker(subject.breaker, side) for side in self.settings}
        self.states: dict[Side, StateRedis] = {}
        if not subject.asyncio:
            for side, settings in self.settings.items():
                self.states[side] = StateRedis(settings, breaker=self.breakers[side], witness=self.watch)

    def _breaker(self, policy: BreakerPolicy | None, side: Side) -> Breaker | None:
        if policy is None:
            return None
        breaker = Breaker(policy, id=side)
        breaker.listen(self._moved)
        return breaker

    def _moved(self, move: Transition) -> None:
        if self.note is not None:
            self.note({**move.told()})

    def close(self) -> None:
        for breaker in self.breakers.values():
            if breaker is not None:
                breaker.delivered(5)
        for state in self.states.values():
            state.close()


_SHARED: dict[int, _Shared] = {}
_LOCK = threading.Lock()


def _shared(subject: StateLayer, endpoints: Endpoints) -> _Shared:
    """What belongs to this load: its endpoints are one object, which the entry keeps alive."""
    with _LOCK:
        if id(endpoints) not in _SHARED:
            _SHARED[id(endpoints)] = _Shared(subject, endpoints)
        shared = _SHARED[id(endpoints)]
        shared.users += 1
        return shared


class StateLayerSession:
    """Implements `Session`, `CountsAttempts` and `ReportsBreaker`."""

    def __init__(self, subject: StateLayer, shared: _Shared) -> None:
        self._subject = subject
        self._shared = shared
        self._watch = shared.watch
        self._nodes: dict[Address, str] = {}
        self.attempts = 0
        self.tried: tuple[str, ...] = ()
        self._loop: asyncio.Runner | None = asyncio.Runner() if subject.asyncio else None
        self._own: dict[Side, AsyncStateRedis] = {}
        if self._loop is not None:
            for side, settings in shared.settings.items():
                self._own[side] = AsyncStateRedis(settings, breaker=shared.breakers[side], witness=shared.watch)
        for side in shared.settings:
            self._run(side, _asking("PING"))

    def report_breaker_to(self, moved: Callable[[dict[str, Json]], None]) -> None:
        """One session tells of the breakers that all share."""
        if self._shared.note is None:
            self._shared.note = moved

    def apply(self, op: Invocation) -> Answer:
        """Apply one operation; errors say themselves what was applied."""
        call = self._watch.call = _Call()
        side: Side = "queue" if op.name == "read" and "queue" in self._shared.settings else "application"
        try:
            return self._answer(op, call, side)
        finally:
            self.attempts = call.sends
            self.tried = tuple(map(self._node, call.tried))

    def _answer(self, op: Invocation, call: _Call, side: Side) -> Answer:
        wanted = self._subject.wait_replicas if op.name in CHANGING else 0
        confirmed = None
        try:
            reply, confirmed = self._run(side, self._plan(op, call, wanted))
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

    def _plan(self, op: Invocation, call: _Call, wanted: int) -> Plan[tuple[Any, int | None]]:
        reply = yield Command(*_arguments(op))
        if not wanted:
            return reply, None
        call.counts = False  # a WAIT is no attempt
        return reply, (yield Confirm(wanted, self._subject.wait_ms))

    def _run(self, side: Side, plan: Plan[Any]) -> Any:
        if self._loop is None:
            return self._shared.states[side].run(plan, within_s=self._subject.within_s)
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
        with _LOCK:
            self._shared.users -= 1
            if self._shared.users:
                return
            _SHARED.pop(id(self._shared.endpoints), None)
        self._shared.close()


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
    breaker: BreakerPolicy | None = None,
    max_connections: int = 50,
    keeps_state: bool = True,
    _without: Iterable[str] = (),
) -> StateLayer:
    """The state layer's own connections, with deadlines; with a circuit breaker if a policy is given."""
    return StateLayer(
        wait_replicas=wait_replicas,
        wait_ms=wait_ms,
        within_s=within_s,
        asyncio=asyncio,
        breaker=breaker,
        max_connections=max_connections,
        keeps_state=keeps_state,
        without=frozenset(_without),
    )
