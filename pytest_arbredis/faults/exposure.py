"""Did the code under test meet a fault? Told by servers and by the interpreter, not by the code that injected it.

Three independent witnesses: connections of others that were open on the target when a fault cut them (CLIENT LIST);
commands of others that the target ran or refused while the fault was in force (INFO commandstats), or connections that
it turned away (INFO stats); and dials of this process to the target's announced address (the interpreter's audit event
`socket.connect`), which no server sees when refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pytest_arbredis._dials import DIALS
from pytest_arbredis.topology.node import HARNESS_CLIENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.faults.fault import Site
    from pytest_arbredis.topology.node import Address, Node

ADMIN = frozenset(
    (
        *("acl", "auth", "client", "cluster", "command", "config", "debug", "echo", "failover", "flushall", "function"),
        *("hello", "info", "latency", "memory", "module", "monitor", "ping", "psubscribe", "psync", "publish", "quit"),
        *("replconf", "replicaof", "role", "save", "script", "sentinel", "shutdown", "slaveof", "slowlog"),
        *("subscribe", "sync", "time", "unsubscribe"),
    )
)
"""Commands of Sentinels, replicas, handshakes and of the harness: never an operation of the code under test."""


class Exposure:
    """Taken before an injection, armed once it is in force; says then whether the code under test met the fault.

    `since` are the dials of this process when the test began: where it only ever went past a node's proxy, the commands
    that the node counted are no witness.
    """

    def __init__(
        self,
        site: Site,
        *,
        cuts: bool = False,
        on_link: bool = False,
        only_new: bool = False,
        since: Mapping[Address, int] | None = None,
    ) -> None:
        self._site = site
        self._cuts = cuts
        self._on_link = on_link
        self._count = _turned_away if only_new else _commands
        self._counted = "turned {} connections away" if only_new else "ran {} commands"
        self._since = DIALS.copy() if since is None else since
        self._cut = {node.name: len(connections(node)) for node in site.nodes} if cuts else {}
        self._commands: dict[str, int] = {}
        self._dialled: dict[str, int] = {}

    def arm(self) -> None:
        """Count from now on: the fault is in force, and what the injection itself asked is behind us."""
        # What is cut runs nothing that could be counted, and a frozen node would let us wait.
        self._commands = {} if self._cuts else {node.name: self._count(node) for node in self._site.nodes}
        self._dialled = {node.name: DIALS[node.proxied] for node in self._site.nodes}

    def met(self) -> str:
        """How the fault was met, in a sentence; empty if no witness saw it."""
        for node in self._site.nodes:
            dialled = DIALS[node.proxied] - self._dialled.get(node.name, 0)
            if dialled:
                return f"{dialled} connections to {node.name} were tried while it was in force"
            if self._on_link and self._goes_past(node):
                continue
            if cut := self._cut.get(node.name, 0):
                return f"{cut} connections to {node.name} were open when it came"
            commands = 0 if self._cuts else self._count(node) - self._commands[node.name]
            if commands > 0:
                return f"{node.name} {self._counted.format(commands)} while it was in force"
        return ""

    def _goes_past(self, node: Node) -> bool:
        """This process connected to the node directly since the test began, and never through its proxy."""
        return DIALS[node.direct] > self._since.get(node.direct, 0) and DIALS[node.proxied] == self._since.get(
            node.proxied, 0
        )


def connections(node: Node) -> list[Mapping[str, str]]:
    """CLIENT LIST of those that are neither ours, nor a Sentinel's, nor a replica's; empty if it does not answer."""
    import redis

    try:
        clients = node.client.client_list()
    except redis.RedisError:
        return []
    return [
        client
        for client in clients
        if client.get("name") != HARNESS_CLIENT
        and not client.get("name", "").startswith("sentinel-")
        and not set(client.get("flags", "")) & set("SM")
    ]


def _commands(node: Node) -> int:
    """Data commands that a primary ran or refused (OOM, say); of a replica those that it refused (READONLY).

    What a replica ran it counts too, but most of that came by replication.
    """
    import redis

    role = node.role()
    if role is None:
        return 0
    counts = ("calls", "rejected_calls") if role.role == "master" else ("rejected_calls",)
    try:
        stats = cast("dict[str, dict[str, int]]", node.client.info("commandstats"))
    except redis.RedisError:
        return 0
    return sum(
        int(entry.get(count, 0))
        for name, entry in stats.items()
        if name.removeprefix("cmdstat_").partition("|")[0].lower() not in ADMIN
        for count in counts
    )


def _turned_away(node: Node) -> int:
    """Connections that were refused because there were too many."""
    import redis

    try:
        return int(cast("dict[str, int]", node.client.info("stats"))["rejected_connections"])
    except redis.RedisError:
        return 0
