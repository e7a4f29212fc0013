"""Too many clients: every slot is taken, and who connects now is turned away. Open connections go on as before."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, cast

from pytest_arbredis._clock import wait_until
from pytest_arbredis._dials import harness_dials
from pytest_arbredis.faults.configuration import restoring
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature

if TYPE_CHECKING:
    import redis

    from pytest_arbredis.topology.node import Address, Node

HELD: Final = 48
"""Connections of ours that take the free slots. They end with this process: then there is room again."""

SURPLUS: Final = 24
"""The limit is lowered so far below what is open then: that others go makes no room for those who come."""

REFUSAL: Final = b"-ERR max number of clients reached"
MANY: Final = 1000
LET_IN_WITHIN_S: Final = 5.0
WAITS_S: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxClients:
    """The target has more clients than `maxclients`, most of the new ones ours; it refuses every connection.

    Sentinels and replicas that have to connect anew are refused as well. Healed by restoring the limit, in the server
    and in its file, and by closing ours.
    """

    name: ClassVar[str] = "max_clients"
    nature: ClassVar[Nature] = Nature(
        client_sees="new connections are refused with 'max number of clients reached'; open ones go on",
        seen_by="a connection through the proxy is refused with that text, and INFO counts it as rejected",
        example='faults.max_clients("primary")',
        only_new=True,
        probe_counts=True,
    )

    def inject(self, site: Site) -> Undo:
        """Take every slot of each target."""
        undos: list[Undo] = []
        undo = undoing_all(undos)
        try:
            for node in site.nodes:
                _take_slots(node, undos)
        except BaseException:
            undo()
            raise
        return undo

    def observe(self, site: Site) -> str:
        """A connection through each target's proxy is refused for that reason, and INFO counts one more rejected."""
        seen = [_seen(node) for node in site.nodes]
        return "; ".join(seen) if all(seen) else ""


def _take_slots(node: Node, undos: list[Undo]) -> None:
    import redis

    restore = restoring(node, ["maxclients"])
    inside = node.connect()  # used by nobody else: by its connection, open before, it can be healed
    taken = int(cast("dict[str, int]", inside.info("clients"))["connected_clients"])
    undos.append(_let_in(node, inside, held := [], restore))
    inside.config_set("maxclients", taken + HELD)
    for _ in range(2 * HELD):
        client = node.connect()
        held.append(client)
        try:
            client.ping()
        except redis.ConnectionError:
            break
    inside.config_set("maxclients", max(1, taken + HELD - SURPLUS))


def _let_in(node: Node, inside: redis.Redis, held: list[redis.Redis], restore: Undo) -> Undo:
    import redis

    def undo() -> None:
        with contextlib.suppress(redis.RedisError):  # cut by somebody: then there is room only when ours have gone
            inside.config_set("maxclients", MANY)
        for client in held:
            client.close()
        wait_until(lambda: _answers(node), within_s=LET_IN_WITHIN_S, what=f"room for clients on {node.name}")
        restore()
        inside.close()

    return undo


def _answers(node: Node) -> bool:
    import redis

    try:
        return bool(node.client.ping())
    except redis.RedisError:
        return False


def _seen(node: Node) -> str:
    import redis

    try:
        before = node.client.info("stats")["rejected_connections"]
        said = _greeting(node.proxied)
        after = node.client.info("stats")["rejected_connections"]
    except redis.RedisError:
        return ""
    if after <= before or said is None or not (said.startswith(REFUSAL) or (node.secure is not None and not said)):
        return ""
    return f"{node.name}: a new connection is refused, max number of clients reached, {after} rejected so far"


def _greeting(address: Address) -> bytes | None:
    """What a server says to one who connects and is silent: nothing, or that it is full; None if it just waits.

    Who speaks first may have his connection reset before he hears it. To a client that expects TLS it says nothing.
    """
    try:
        with harness_dials(), socket.create_connection(address, timeout=WAITS_S) as connection:
            said = b""
            while chunk := connection.recv(1024):
                said += chunk
            return said
    except OSError:
        return None
