"""A lock as it is usually written: SET NX PX and DEL, with a token of INCR, and a resource that looks at none."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from pytest_arbredis.scenarios.naive.reaching import client_of
from pytest_arbredis.state.errors import ConflictError
from pytest_arbredis.subjects.state.locks import TTL_MS, Locks

if TYPE_CHECKING:
    from pytest_arbredis.load.protocol import Endpoints


class NaiveLock:
    """Plain redis-py."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._held = ExitStack()
        self._redis = client_of(endpoints, self._held)

    def acquire(self) -> tuple[list[int], object]:
        """SET NX PX; issue 6 asks for a token, and INCR is the usual one."""
        if not self._redis.set("lock:drill", "held", nx=True, px=TTL_MS):
            raise ConflictError("the lock is held by another")
        return [int(self._redis.incr("lock:drill:fence"))], None

    def accept(self, held: object, token: list[int]) -> None:  # noqa: ARG002 - nobody looks at the token
        """The resource takes whatever comes."""
        self._redis.set("resource:drill", str(token))

    def release(self, held: object) -> bool:  # noqa: ARG002 - whosoever it is
        """DEL."""
        return bool(self._redis.delete("lock:drill"))

    def close(self) -> None:
        """Close the client."""
        self._held.close()


def locks() -> Locks:
    """The lock as it is usually written."""
    return Locks(name="naive lock, SET NX and DEL", make=NaiveLock)
