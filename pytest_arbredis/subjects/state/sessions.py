"""The session store as a register: a value is written into every category of a session, and read out of all of them.

Four keys of a workload that differ in their last number share a session id, each in an environment of its own. The
number of fields follows from the value, so it grows and shrinks from save to save: what an earlier one left is seen.
What a load gives is the value if all of it is of one write, and else a description of it, which nobody wrote.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.state.errors import CorruptedError, StateError
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.keyspace.parts import CATEGORIES, ENVS
from pytest_arbredis.subjects.state.connecting import lacking
from pytest_arbredis.subjects.state.refusals import answer_to

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints, Invocation

MOST_FIELDS = 6


class Store(Protocol):
    """What the drill needs of a session store: the hardened one, and the naive twin."""

    def save(self, env: str, session_id: str, state: Mapping[str, Mapping[str, Json]], ttl_s: float | None) -> int:
        """Save a session; how many replicas confirmed it."""
        ...

    def load(self, env: str, session_id: str) -> Mapping[str, Mapping[str, object]]:
        """Load a session; empty if there is none."""
        ...

    def lives_ms(self, env: str, session_id: str) -> Mapping[str, int]:
        """What PTTL says of each category: -1 never expires, -2 is not there."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Implements `Subject`. With `ttl_s` sessions expire, and one that a load finds without an end is described."""

    name: str
    make: Callable[[Endpoints], Store]
    ttl_s: float | None = None
    wait_replicas: int = 0
    operations: frozenset[str] = frozenset({"write", "read"})

    @property
    def confirms(self) -> bool:
        """Its writes say how many replicas confirmed them."""
        return self.wait_replicas > 0

    def open(self, endpoints: Endpoints) -> SessionsSession:
        """A store of its own."""
        return SessionsSession(self.make(endpoints), self)


class SessionsSession:
    """One client."""

    def __init__(self, store: Store, subject: Sessions) -> None:
        self._store = store
        self._subject = subject

    def apply(self, op: Invocation) -> Answer | Json:
        """Save or load one session."""
        env, session_id = place_of(op.key)
        try:
            if op.name == "write":
                return self._write(env, session_id, str(op.input))
            if op.name == "read":
                return self._read(env, session_id)
        except CorruptedError as error:
            return Answer(output=f"{type(error).__name__}: {error.cause}")
        except StateError as error:
            return answer_to(error)
        raise UsageError.unknown("operation on sessions", op.name, self._subject.operations)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _write(self, env: str, session_id: str, value: str) -> Answer:
        confirmed = self._store.save(env, session_id, state_of(value), self._subject.ttl_s)
        wanted = self._subject.wait_replicas
        return Answer(output="OK", confirmed=confirmed, wanted=wanted) if wanted else Answer(output="OK")

    def _read(self, env: str, session_id: str) -> Json:
        value = value_of(self._store.load(env, session_id))
        if value is None or self._subject.ttl_s is None:
            return value
        lives_ms = self._store.lives_ms(env, session_id)
        endless = [category for category in CATEGORIES if lives_ms[category] == -1]
        return f"{value}, and {', '.join(endless)} never expires" if endless else value


def place_of(key: str) -> tuple[str, str]:
    """Environment and session id for a key of a workload."""
    begins, _, number = key.rpartition(":")
    if not number.isdigit():
        return ENVS[0], key.replace(":", "-")
    return ENVS[int(number) % len(ENVS)], f"{begins}:{int(number) // len(ENVS)}".replace(":", "-")


def state_of(value: str) -> dict[str, dict[str, Json]]:
    """A session that says in every category, and in a number of fields that follows from it, this value."""
    fields = zlib.crc32(value.encode()) % MOST_FIELDS
    return {
        category: {"value": value, **{f"f{number}": [value, number] for number in range(fields)}}
        for category in CATEGORIES
    }


def value_of(state: Mapping[str, Mapping[str, object]]) -> str | None:
    """The value that all of a session is of, None if there is no session; else a description of what there is."""
    if not state:
        return None
    values = {category: fields.get("value") for category, fields in state.items()}
    first = next(iter(values.values()))
    if isinstance(first, str) and {name: dict(fields) for name, fields in state.items()} == state_of(first):
        return first
    told = (f"{category} is {values.get(category)} of {len(state.get(category, ()))} fields" for category in CATEGORIES)
    return f"torn: {', '.join(told)}"


def sessions(
    *, wait_replicas: int = 0, ttl_s: float | None = None, asyncio: bool = False, _without: Without = NONE
) -> Sessions:
    """The session store of the state layer."""
    from pytest_arbredis.subjects.state.session_store import HardenedStore

    wait = f", WAIT {wait_replicas}" if wait_replicas else ""
    return Sessions(
        name=f"state layer, session store{lacking(_without, asyncio=asyncio)}{wait}",
        make=lambda endpoints: HardenedStore(endpoints, wait_replicas=wait_replicas, asyncio=asyncio, without=_without),
        ttl_s=ttl_s,
        wait_replicas=wait_replicas,
    )
