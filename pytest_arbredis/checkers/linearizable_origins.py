"""Values that came from nowhere: seen though nobody had written them. Told before any search, because it is plain."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_arbredis.history.interning import identity_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from pytest_arbredis.checkers.linearizable_calls import Command, Registers
    from pytest_arbredis.checkers.search import Call


class Unfounded(NamedTuple):
    """A call that saw a value which nobody wrote, or which only `writer` wrote, invoked when the call had ended."""

    call: Call[Command]
    writer: Call[Command] | None


def seen_by(command: Command) -> Hashable:
    """The value that a command finds in the register; None if that is null, or if it asks for none."""
    return {"read": command.value, "cas": command.old}.get(command.name)


def unfounded(calls: Sequence[Call[Command]]) -> Unfounded | None:
    """The first such call of a key."""
    writers: dict[Hashable, Call[Command]] = {}
    for call in calls:
        value = call.command.value
        if not call.pure and (value not in writers or call.start < writers[value].start):
            writers[value] = call
    found = [
        Unfounded(call, writer)
        for call in calls
        if call.required and (value := seen_by(call.command)) is not None
        if (writer := writers.get(value)) is None or writer.start > call.end
    ]
    return min(found, key=lambda one: one.call.end, default=None)


def failed_writer(registers: Registers, key: int, value: Hashable) -> int | None:
    """The position of the first operation that would have written a value to a key, but certainly failed."""
    columns = registers.columns
    for position in registers.failed[columns.key[registers.failed] == key].tolist():
        written = columns.values[int(columns.input[position])]
        if columns.names[int(columns.name[position])] == "cas" and isinstance(written, list):
            written = written[1]
        if identity_of(written) == value:
            return int(position)
    return None
