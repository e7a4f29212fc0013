"""The seam between the load and what is tested: endpoints, invocations, sessions, answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.records import Json, Outcome  # noqa: TC001 - as above
from pytest_arbredis.servers.login import Login
from pytest_arbredis.topology.environment import redis_environment

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where a subject finds its Redis. All addresses lead through the proxies, unless the path is `direct`.

    `primary` is the node that was primary at the start; `nodes` names every address of a node, proxied and direct, so
    that a connection's peer can be turned into a node's name.
    """

    primary: Address
    second: Address | None = None
    """The other Redis of a dual topology."""
    sentinels: tuple[Address, ...] = ()
    master_name: str = "arbredis"
    nodes: Mapping[Address, str] = field(default_factory=dict)
    login: Login = field(default_factory=Login)

    @property
    def url(self) -> str:
        """`redis://host:port/0` of the primary at the start; with a login also who one is."""
        return self.login.url(self.primary)

    @property
    def env(self) -> dict[str, str]:
        """The same as environment variables, for a subject in another process."""
        return redis_environment(self.primary, self.sentinels, self.master_name, self.login, second=self.second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One operation to apply: `write`, `read`, `increment`, …, on `key`, with `input`."""

    id: int
    name: str
    key: str
    input: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a session may return to say more than an output.

    `confirmed` of `wanted` replicas confirmed (WAIT): fewer than wanted is applied but unconfirmed. `node` answered;
    `attempts` were sent. A subject that judges its operation itself says so by `outcome`, and why by `error`.
    `entered_ns` is when a breaker let it in (CLOCK_MONOTONIC).
    """

    output: Json = None
    confirmed: int | None = None
    wanted: int | None = None
    node: str | None = None
    attempts: int | None = None
    outcome: Outcome | None = None
    error: str | None = None
    entered_ns: int | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself: no history could hold it."""
        if self.outcome == "fail" and self.confirmed is not None:
            raise UsageError(
                f"an answer with outcome='fail' and confirmed={self.confirmed!r}",
                remedy="what replicas confirmed was applied: say 'unknown', or leave out confirmed",
            )


class Session(Protocol):
    """One client of the subject, used by one thread."""

    def apply(self, op: Invocation) -> Answer | Json:
        """Apply one operation: its output, or an exception that the outcome table knows."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


@runtime_checkable
class CountsAttempts(Protocol):
    """Capability of a session: it knows how often, and to whom, the last operation was sent."""

    @property
    def attempts(self) -> int:
        """How many times the last operation's bytes were handed to a socket."""
        ...

    @property
    def tried(self) -> tuple[str, ...]:
        """Names of the nodes that the last operation dialled or was sent to, in order, without repeats."""
        ...


@runtime_checkable
class Reports(Protocol):
    """Capability of a session: it tells what happens to it beside the operations, from whatever thread."""

    def report_to(self, note: Callable[[dict[str, Json]], None]) -> None:
        """Call `note` with a remark (`{"kind": …}`) for the history, from now on."""
        ...


@runtime_checkable
class ReportsBreaker(Protocol):
    """Capability of a session: it tells of its breaker's transitions, from whatever thread."""

    def report_breaker_to(self, moved: Callable[[dict[str, Json]], None]) -> None:
        """Call `moved` with each transition: `{"id", "seq", "from", "to", "cause"}`, from now on.

        At once, as it is stamped when it comes; or with its `at_ns` (CLOCK_MONOTONIC), then also later, until `close`.
        """
        ...


class Subject(Protocol):
    """What is tested: opened once per client."""

    @property
    def name(self) -> str:
        """As shown in reports, e.g. `redis-py 8.1.0 Sentinel.master_for, WAIT 2`."""
        ...

    def open(self, endpoints: Endpoints) -> Session:
        """A session for one client thread."""
        ...
