"""What a bot answered on one line: checked, and turned into an `Answer`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import orjson

from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.subjects.last_lines import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.history.records import Outcome
    from pytest_arbredis.load.protocol import Address

OUTCOMES = ("ok", "fail", "unknown")


class GarbageError(Exception):
    """A line that is no answer; the text says why, and shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer, and the id of the operation that it is for."""

    id: int
    answer: Answer


def is_ready(line: bytes) -> bool:
    """Whether the line is `{"ready": true}`."""
    try:
        return bool(orjson.loads(line) == {"ready": True})
    except orjson.JSONDecodeError:
        return False


def said_in(line: bytes, *, nodes: Mapping[Address, str]) -> Said:
    """The answer on a line. Raises `GarbageError`."""
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise GarbageError(f"is no JSON: {shown(line)!r}") from None
    if not isinstance(told, dict):
        raise GarbageError(f"is no JSON object: {shown(line)!r}")
    number = told.get("id")
    if type(number) is not int:
        raise GarbageError(f"has no whole number as id: {shown(line)!r}")
    outcome, error = told.get("outcome"), told.get("error")
    if outcome is None:
        outcome = "ok" if "output" in told and error is None else "unknown"
    if outcome not in OUTCOMES:
        raise GarbageError(f"has the outcome {outcome!r}, not one of {', '.join(OUTCOMES)}: {shown(line)!r}")
    counts = {name: told.get(name) for name in ("attempts", "confirmed", "wanted")}
    for name, count in counts.items():
        if count is not None and (type(count) is not int or count < 0):
            raise GarbageError(f"has {name} {count!r}, not a whole number from 0: {shown(line)!r}")
    why = None if error is None else shown(str(error).encode())
    if why is None and outcome != "ok":
        why = f"the program answered {outcome}, and not why"
    answer = Answer(
        output=told.get("output"),
        outcome=cast("Outcome", outcome),
        error=why,
        node=_node(told.get("node"), nodes),
        **cast("dict[str, Any]", counts),
    )
    return Said(id=number, answer=answer)


def _node(told: object, nodes: Mapping[Address, str]) -> str | None:
    """The name of a node: as told, or by its address `host:port`."""
    if not isinstance(told, str) or not told:
        return None
    host, _, port = told.rpartition(":")
    return nodes.get((host, int(port)), told) if port.isdecimal() else told
