"""What the servers saw of a black box: its commands by MONITOR, its connections by CLIENT LIST, into the history.

Every data node is asked directly, by a thread of its own. A line of the history is
`{"kind": "command", "node": "n0", "client": "127.0.0.1:5000", "words": ["SET", "key", "value"]}`, or
`{"kind": "connections", "node": "n0", "clients": ["127.0.0.1:5000"]}` whenever the open ones change; with
`"reached": false` the node did not answer. The harness, Sentinels and replicas are left out: they name themselves.
A node that does not permit MONITOR is noted as `{"kind": "monitor-refused", "why": "NOPERM …"}`.
"""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any, Final

from pytest_arbredis._clock import CLOCK, NS_PER_S, Clock
from pytest_arbredis._dials import harness_dials
from pytest_arbredis.topology.monitor_line import Seen, parsed, recordable, refused
from pytest_arbredis.topology.node import HARNESS_CLIENT

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from pytest_arbredis.history.recorder import Recorder
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

MOST_A_SECOND: Final = 1000
"""Commands of one node that are recorded; how many more there were is noted."""
LOOK_EVERY_S: Final = 0.1
FIRST_LOOK_S: Final = 0.005
TIMEOUT_S: Final = 0.3
NOT_THE_BOT: Final = (HARNESS_CLIENT, "sentinel-")
"""What clients that are not the bot call themselves."""


class CommandMonitor:
    """Watches every data node while entered; returns from there when all nodes are watched.

    Without `commands` only connections are recorded.
    """

    def __init__(
        self, deployment: Deployment, recorder: Recorder, *, commands: bool = True, clock: Clock = CLOCK
    ) -> None:
        nodes = {f"{host}:{port}" for host, port in deployment.addresses}
        self._watches = [_Watch(node, recorder, clock, nodes=nodes, commands=commands) for node in deployment.nodes]

    def __enter__(self) -> Self:
        for watch in self._watches:
            watch.start()
        for watch in self._watches:
            watch.ready.wait(2)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for watch in self._watches:
            watch.stop.set()
        for watch in self._watches:
            watch.join()


class _Watch:
    """One node, by two threads: its commands, and its connections."""

    def __init__(self, node: Node, recorder: Recorder, clock: Clock, *, nodes: set[str], commands: bool) -> None:
        self._node = node
        self._recorder = recorder
        self._clock = clock
        self._nodes = nodes  # a replica's link to its primary shows the primary's address
        self._others: set[str] = set()
        self._held: list[tuple[Seen, int]] = []
        self._open: list[str] | None = None
        self._second = 0
        self._recorded = 0
        self._dropped = 0
        self._refused = False
        works = (self._see, self._look) if commands else (self._look,)
        self._threads = [threading.Thread(target=work, name=f"monitor-{node.name}", daemon=True) for work in works]
        self._monitoring = threading.Event()
        if not commands:
            self._monitoring.set()
        self.ready = threading.Event()
        self.stop = threading.Event()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(5)
        for seen, at_ns in self._held:
            self._keep(seen, at_ns)
        self._tell_dropped()

    def _see(self) -> None:
        """MONITOR until stopped, or not permitted; connected again whenever the node comes back."""
        while not self.stop.is_set() and not self._refused:
            try:
                with harness_dials(), socket.create_connection(self._node.direct, timeout=TIMEOUT_S) as connection:
                    self._read(connection)
            except OSError:
                self.stop.wait(LOOK_EVERY_S)

    def _read(self, connection: socket.socket) -> None:
        login = self._node.login
        who = [word for word in ("AUTH", login.user, login.password) if word] if login.password else []
        asked = [who, ["CLIENT", "SETNAME", HARNESS_CLIENT], ["MONITOR"]]
        connection.sendall(b"".join(_command(*words) for words in asked if words))
        rest = b""
        while not self.stop.is_set():
            try:
                chunk = connection.recv(65536)
            except TimeoutError:
                continue
            if not chunk:
                return
            self._monitoring.set()
            at_ns = self._clock.now_ns()
            *lines, rest = (rest + chunk).split(b"\r\n")
            for line in lines:
                seen = parsed(line)
                if seen is not None:
                    self._take(seen, at_ns)
                elif refused(line):
                    self._refused = True
                    self._note({"kind": "monitor-refused", "why": line[1:].decode(errors="replace")}, at_ns)
                    return

    def _take(self, seen: Seen, at_ns: int) -> None:
        """Record a command, unless it is of somebody who says not to be the bot; those held back first."""
        if seen.names_itself is not None:
            if seen.names_itself.startswith(NOT_THE_BOT):
                self._others.add(seen.client)
            else:
                self._others.discard(seen.client)
        if not self.ready.is_set():  # who the clients are that were there before us is not known yet
            self._held.append((seen, at_ns))
            return
        held, self._held = self._held, []
        for earlier in held:
            self._keep(*earlier)
        self._keep(seen, at_ns)

    def _keep(self, seen: Seen, at_ns: int) -> None:
        if seen.client in self._others or seen.client in self._nodes or seen.of_replication:
            return
        second = at_ns // NS_PER_S
        if second != self._second:
            self._tell_dropped()
            self._second, self._recorded = second, 0
        if self._recorded >= MOST_A_SECOND:
            self._dropped += 1
            return
        self._recorded += 1
        words: list[Json] = [*recordable(seen.words)]
        self._note({"kind": "command", "node": self._node.name, "client": seen.client, "words": words}, at_ns)

    def _look(self) -> None:
        """CLIENT LIST until stopped."""
        import redis

        client = self._node.connect(timeout_s=TIMEOUT_S)
        while True:
            monitoring = self._monitoring.is_set()
            try:
                listed: list[dict[str, Any]] = client.client_list()
            except redis.RedisError as error:
                if not isinstance(error, redis.TimeoutError):  # a node that only stands still keeps its connections
                    self._connections([], reached=False)
            else:
                others = [one for one in listed if one.get("name", "").startswith(NOT_THE_BOT)]
                self._others.update(one["addr"] for one in others)
                known = {id(one) for one in others}
                bots = [one for one in listed if id(one) not in known and not set(one.get("flags", "")) & set("SMO")]
                self._others.difference_update(one["addr"] for one in bots)  # a port that was somebody else's before
                self._connections(sorted(one["addr"] for one in bots), reached=True)
                if monitoring:
                    self.ready.set()
            if self.stop.wait(LOOK_EVERY_S if self.ready.is_set() else FIRST_LOOK_S):
                break
        client.close()

    def _connections(self, clients: list[str], *, reached: bool) -> None:
        if clients != self._open:
            self._open = clients
            data: dict[str, Json] = {"kind": "connections", "node": self._node.name, "clients": [*clients]}
            self._note(data if reached else {**data, "reached": False}, self._clock.now_ns())

    def _tell_dropped(self) -> None:
        if self._dropped:
            self._recorder.note(source=self._node.name, data={"kind": "commands-not-recorded", "count": self._dropped})
            self._dropped = 0

    def _note(self, data: dict[str, Json], at_ns: int) -> None:
        self._recorder.event("note", source=self._node.name, data=data, at_ns=at_ns)


def _command(*words: str) -> bytes:
    return f"*{len(words)}\r\n".encode() + b"".join(f"${len(word)}\r\n{word}\r\n".encode() for word in words)
