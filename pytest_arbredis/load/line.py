"""A line: one connection to one node, a command at a time; the seam between code that uses Redis and its servers.

A subject written against it runs unchanged on real servers (`subjects/redis_py_line.py`) and on those in memory
(`testing/fake_redis.py`). Errors are those of redis-py on both.
"""

from __future__ import annotations

from typing import Protocol


class Line(Protocol):
    """One connection, not made before `connect`. One thread uses it."""

    @property
    def node(self) -> str:
        """The node it leads to."""
        ...

    def connect(self) -> None:
        """Connect and shake hands, unless that is done."""
        ...

    def send(self, *words: str) -> None:
        """Send one command. Several may be sent before the first reply is received."""
        ...

    def receive(self) -> object:
        """The next reply, in the order of the sends; after a time-out the line stands, and the reply may still come."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class Dialer(Protocol):
    """Knows the nodes by role, as the client under test does."""

    def primary(self) -> Line:
        """A new line to the primary."""
        ...

    def replica(self) -> Line:
        """A new line to the first replica."""
        ...

    def to(self, node: str) -> Line:
        """A new line to the node of this name, whatever its role is now."""
        ...
