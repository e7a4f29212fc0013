"""What sessions of redis-py can apply, for both its clients: that of asyncio gives an awaitable for each reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Address, Endpoints, Invocation

WRITES = frozenset({"write", "increment", "SET"})
"""Those that WAIT can follow."""


def command_of(op: Invocation) -> Callable[[Any, Invocation], Any]:
    """How an operation is sent: a function of the client and the operation."""
    command = _COMMANDS.get(op.name)
    if command is None:
        raise UsageError.unknown("operation", op.name, _COMMANDS)
    return command


def output_of(op: Invocation, reply: Any) -> Json:
    """A reply as it is recorded: text where it is UTF-8, `OK` and `PONG` as the server said them."""
    if reply is True:
        return "PONG" if op.name == "PING" else "OK"
    if isinstance(reply, bytes):
        try:
            return reply.decode()
        except UnicodeDecodeError:
            return reply
    if reply is None or isinstance(reply, (int, str)):
        return reply
    raise UsageError(f"redis-py answered {reply!r}", remedy="report it: the session does not know this reply")


def node_name(endpoints: Endpoints, address: Address) -> str:
    """The node at an address; one that is no node's is given as it is."""
    return endpoints.nodes.get(address) or f"{address[0]}:{address[1]}"


def _value(op: Invocation) -> str | bytes | int | float:
    if isinstance(op.input, (str, bytes, int, float)) and not isinstance(op.input, bool):
        return op.input
    raise UsageError(f"{op.name} of {op.input!r}", remedy="write a string, bytes or a number")


def _increment(client: Any, op: Invocation) -> Any:
    return client.incr(op.key, 1 if op.input is None else int(str(op.input)))


_COMMANDS: dict[str, Callable[[Any, Invocation], Any]] = {
    "write": lambda client, op: client.set(op.key, _value(op)),
    "read": lambda client, op: client.get(op.key),
    "increment": _increment,
    "SET": lambda client, op: client.set(op.key, _value(op)),
    "GET": lambda client, op: client.get(op.key),
    "PUBLISH": lambda client, op: client.publish(op.key, _value(op)),
    "PING": lambda client, _: client.ping(),
}
