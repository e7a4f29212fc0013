"""A task, as it lies in Redis and as a consumer gets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from pytest_arbredis.state import json_value
from pytest_arbredis.state.errors import CorruptedError

US_PER_S = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """`payload` is what was put. `put_us` and `until_us` are the server's time, microseconds since 1970.

    `until_us` is 0 for a task that never gets stale. `deliveries` counts how often it was given, this time included.
    `raw` is the element as it lies in Redis, by which it is acknowledged.
    """

    id: str
    payload: Any
    put_us: int
    until_us: int
    deliveries: int
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Every task that there was at one instant, newest first: waiting, held by consumers, put aside."""

    waiting: tuple[Task, ...]
    held: tuple[Task, ...]
    dead: tuple[Task, ...]
    expired: tuple[Task, ...]


def encoded(payload: object) -> bytes:
    """A payload as JSON. Raises `MisuseError` for what JSON would not give back, `TooLargeError` above 1 MB."""
    return json_value.encoded(payload, of="the payload of a task")


def parsed(raw: bytes, *, deliveries: int = 0) -> Task:
    """The task in an element of the list. Raises `CorruptedError` for what this layer did not put there."""
    try:
        told = orjson.loads(raw)
        return Task(
            id=told["id"],
            payload=told["payload"],
            put_us=int(told["put_us"]),
            until_us=int(told["until_us"]),
            deliveries=deliveries,
            raw=raw,
        )
    except (ValueError, KeyError, TypeError):  # whose texts show the element
        raise CorruptedError(
            "an element of the queue is no task", remedy="look at it by `dead()`: it was put aside there"
        ) from None
