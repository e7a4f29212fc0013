"""Redis servers in memory, with faults, on a clock: what code written against a `Line` runs on without any server.

A primary, `n0` at first, and replicas that have every write at once unless they are cut off or frozen. A command is
applied when it is sent; its reply takes `took_s`. Faults are those of the schedule, by their names.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import ConnectionError as LostError
from redis.exceptions import ReadOnlyError
from redis.exceptions import TimeoutError as LateError

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.errors import UsageError
from pytest_arbredis.testing.fake_commands import WRITES, Data, applied

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_arbredis._clock import Clock

_LOOK_EVERY_S: Final = 0.02
FAULTS: Final = (
    "blackhole",
    "down",
    "empty_restart",
    "failover",
    "latency",
    "limit_data",
    "pause",
    "replication_cut",
    "stall",
)
"""The faults that these servers know."""


@dataclass(slots=True, eq=False)
class Reply:
    """A reply on its way: when it arrives (None: not known yet), and what it says."""

    at_ns: int | None = None
    said: object = None


@dataclass(slots=True, eq=False)
class FakeNode:
    """One server: its data, how many writes it has, and what is wrong with it."""

    name: str
    data: Data = field(default_factory=Data)
    offset: int = 0
    follows: bool = False
    writable: bool = True
    faults: set[str] = field(default_factory=set)
    latency_s: float = 0.0
    incarnation: int = 0
    held: list[Callable[[], None]] = field(default_factory=list)


class FakeServers:
    """A primary with replicas. Give `dialer` to the code under test."""

    def __init__(self, clock: Clock, *, replicas: int = 0, took_s: float = 0.0005, writable: bool = False) -> None:
        """With `writable` the replicas accept writes (`replica-read-only no`)."""
        self.clock = clock
        self.took_s = took_s
        self.nodes = [FakeNode(f"n{number}") for number in range(1 + replicas)]
        for node in self.nodes[1:]:
            node.follows, node.writable = True, writable
        self.primary = self.nodes[0]
        self._replicas_write = writable
        self.lock = threading.RLock()

    def dialer(self, timeout_s: float) -> FakeDialer:
        """For one client, whose commands may take so long."""
        return FakeDialer(self, timeout_s)

    def value(self, key: str) -> Any:
        """What the primary has under a key."""
        return self.primary.data.values.get(key)

    def targets(self, target: str) -> list[FakeNode]:
        """The nodes of a role, `primary`, `replica` or `replicas`."""
        replicas = [node for node in self.nodes if node is not self.primary]
        return [self.primary] if target == "primary" else replicas[:1] if target == "replica" else replicas

    def inject(self, name: str, target: str, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Let a fault come into force; gives the names of its nodes."""
        if name not in FAULTS:
            raise UsageError.unknown("fault of servers in memory", name, FAULTS)
        with self.lock:
            targets = self.targets(target)
            for node in targets:
                if name == "failover":
                    self._fail_over()
                    continue
                if name == "empty_restart":
                    self._restart_empty(node)
                    continue
                node.faults.add(name)
                node.latency_s = params.get("ms", 0) / 1000 if name == "latency" else node.latency_s
                if name == "down" or (name == "limit_data" and params.get("after_handshake")):
                    node.incarnation += 1
        return tuple(node.name for node in targets)

    def heal(self, name: str, target: str) -> None:
        """End a fault: what was held is delivered, what fell behind catches up."""
        with self.lock:
            for node in self.targets(target):
                node.faults.discard(name)
                if name == "latency":
                    node.latency_s = 0.0
                if name == "blackhole":
                    node.incarnation += 1
                held, node.held = node.held, []
                for deliver in held:
                    deliver()
                if name in {"replication_cut", "pause"} and node.follows:
                    self._synchronise(node)

    def execute(self, node: FakeNode, words: tuple[str, ...]) -> object:
        """Apply one command, and let the replicas have it."""
        with self.lock:
            write = words[0] in WRITES
            if write and not node.writable:
                return ReadOnlyError("You can't write against a read only replica.")
            reply = applied(node.data, words, now_ms=self.clock.now_ns() // NS_PER_MS)
            if write:
                node.offset += 1
                for replica in self.targets("replicas"):
                    if node is self.primary and not replica.faults & {"replication_cut", "pause"}:
                        applied(replica.data, words, now_ms=self.clock.now_ns() // NS_PER_MS)
                        replica.offset = node.offset
            return reply

    def confirmed(self, offset: int) -> int:
        """How many connected replicas have all writes up to an offset."""
        replicas = self.targets("replicas")
        return sum(replica.offset >= offset and "replication_cut" not in replica.faults for replica in replicas)

    def _restart_empty(self, node: FakeNode) -> None:
        node.data, node.incarnation, node.offset = Data(), node.incarnation + 1, 0
        for replica in self.targets("replicas"):
            self._synchronise(replica)

    def _fail_over(self) -> None:
        """The first replica is primary; the old one follows it, and has ended its connections."""
        old, (new, *_) = self.primary, self.targets("replica")
        self.primary, new.follows, new.writable = new, False, True
        old.follows, old.writable, old.incarnation = True, self._replicas_write, old.incarnation + 1
        self._synchronise(old)

    def _synchronise(self, replica: FakeNode) -> None:
        replica.data, replica.offset = self.primary.data.copy(), self.primary.offset


@dataclass(frozen=True, slots=True)
class FakeDialer:
    """Implements `Dialer`."""

    servers: FakeServers
    timeout_s: float

    def primary(self) -> FakeLine:
        """A new line to the primary of now."""
        return FakeLine(self.servers, self.servers.primary, self.timeout_s)

    def replica(self) -> FakeLine:
        """A new line to n1."""
        return self.to("n1")

    def to(self, node: str) -> FakeLine:
        """A new line to the node of this name."""
        for one in self.servers.nodes:
            if one.name == node:
                return FakeLine(self.servers, one, self.timeout_s)
        raise UsageError(f"the topology has no node {node}", remedy="use one with more replicas")


class FakeLine:
    """Implements `Line`."""

    def __init__(self, servers: FakeServers, node: FakeNode, timeout_s: float) -> None:
        self._servers = servers
        self._node = node
        self._timeout_s = timeout_s
        self._incarnation: int | None = None
        self._replies: deque[Reply] = deque()
        self._seen = 0

    @property
    def node(self) -> str:
        """The node it leads to."""
        return self._node.name

    def connect(self) -> None:
        """Refused while the node is down; nothing is heard where nothing passes."""
        if self._incarnation is not None:
            return
        faults, clock = self._node.faults, self._servers.clock
        if "down" in faults:
            raise LostError(f"Error 111 connecting to {self._node.name}. Connection refused.")
        if faults & {"stall", "blackhole", "pause"}:
            clock.sleep(self._timeout_s)
            raise LateError(f"Timeout connecting to {self._node.name}")
        self._incarnation, self._seen = self._node.incarnation, self._node.offset

    def send(self, *words: str) -> None:
        """Apply it now, or when what holds it ends; its reply follows."""
        self.connect()
        self._require_whole()
        node, servers, reply = self._node, self._servers, Reply()
        self._replies.append(reply)
        if words[0] == "WAIT":
            self._wait_for_replicas(reply, int(words[1]), int(words[2]))
            return

        def deliver() -> None:
            reply.said = servers.execute(node, words)
            self._seen = node.offset
            if "blackhole" not in node.faults:
                reply.at_ns = servers.clock.now_ns() + int((servers.took_s + node.latency_s) * NS_PER_S)

        with servers.lock:
            if node.faults & {"stall", "pause"}:
                node.held.append(deliver)
                return
            deliver()
            if "limit_data" in node.faults:
                self._incarnation = -1  # the reply is lost, and the connection with it

    def receive(self) -> object:
        """Wait for the next reply, within the time-out."""
        clock = self._servers.clock
        until_ns = clock.now_ns() + int(self._timeout_s * NS_PER_S)
        reply = self._replies[0]
        while True:
            self._require_whole()
            now_ns = clock.now_ns()
            if reply.at_ns is not None and reply.at_ns <= now_ns:
                break
            if now_ns >= until_ns:
                raise LateError(f"Timeout reading from {self._node.name}")
            next_ns = min(until_ns, now_ns + int(_LOOK_EVERY_S * NS_PER_S) if reply.at_ns is None else reply.at_ns)
            clock.sleep((next_ns - now_ns) / NS_PER_S)
        self._replies.popleft()
        if isinstance(reply.said, BaseException):
            raise reply.said
        return reply.said

    def close(self) -> None:
        """Hang up."""
        self._incarnation = -1

    def _require_whole(self) -> None:
        if self._incarnation != self._node.incarnation:
            raise LostError("Connection closed by server.")

    def _wait_for_replicas(self, reply: Reply, wanted: int, within_ms: int) -> None:
        """As in Redis, WAIT looks at the offset of this line's own last command: another line's write may be later."""
        servers = self._servers
        if servers.confirmed(self._seen) < wanted:
            servers.clock.sleep(within_ms / 1000)
        reply.said = servers.confirmed(self._seen)
        reply.at_ns = servers.clock.now_ns()
        self._seen = self._node.offset
