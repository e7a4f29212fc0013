"""What a history shows of a bot: commands and connections as the servers saw them, and what every key held in the end.

A black box is recorded by `topology/monitor.py`; each function here is for the invariants of one's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json

HOUSEKEEPING: Final = frozenset(
    {"AUTH", "CLIENT", "COMMAND", "CONFIG", "ECHO", "HELLO", "INFO", "MONITOR", "PING", "QUIT", "ROLE", "SELECT"}
)
"""Commands that a client library, or a probe, sends without the bot having asked for anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that a server executed; the first word in capitals."""

    at_ns: int
    node: str
    client: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The connections of the bot that were open at a node; `reached` is False where the node did not answer."""

    at_ns: int
    node: str
    clients: frozenset[str]
    reached: bool


def commands(history: History, names: Iterable[str] = ()) -> tuple[Command, ...]:
    """What the bot asked of the servers, by time: the commands of these names, or all but mere housekeeping."""
    wanted = frozenset(name.upper() for name in names)
    found: list[Command] = []
    for event in history.events_named("note"):
        words = event.data.get("words")
        if event.data.get("kind") != "command" or not isinstance(words, list) or not words:
            continue
        if (words[0] in wanted) if wanted else (words[0] not in HOUSEKEEPING):
            said = tuple(str(word) for word in words)
            node, client = str(event.data.get("node")), str(event.data.get("client"))
            found.append(Command(at_ns=event.at_ns, node=node, client=client, words=said))
    return tuple(found)


def refused_monitor(history: History) -> bool:
    """Whether a server did not permit MONITOR, so that not all commands are on record."""
    return any(event.data.get("kind") == "monitor-refused" for event in history.events_named("note"))


def connections(history: History, node: str) -> tuple[Connections, ...]:
    """The bot's open connections at a node, each time they changed."""
    found: list[Connections] = []
    for event in history.events_named("note"):
        clients = event.data.get("clients")
        if event.data.get("kind") == "connections" and event.data.get("node") == node and isinstance(clients, list):
            found.append(
                Connections(
                    at_ns=event.at_ns,
                    node=node,
                    clients=frozenset(map(str, clients)),
                    reached=event.data.get("reached") is not False,
                )
            )
    return tuple(found)


def contents(history: History) -> dict[str, Json]:
    """What every key held in the end, by key, as the final reads gave it; keys that could not be read are not in it."""
    return {op.key: op.output for op in history.final_reads() if op.outcome == "ok" and op.key is not None}
