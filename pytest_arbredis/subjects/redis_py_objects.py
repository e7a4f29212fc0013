"""Objects in Redis, each by the commands that are its own: registers, counters, queues, logs, sets.

Nothing is sent twice: an operation without a reply is reported as it is, unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.cas_registers import CAS
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_line import RedisPyDialer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints, Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """Implements `Subject` for one kind of object; `add` and `read` mean something else for each."""

    model: str
    socket_timeout_s: float = 1.0

    def __post_init__(self) -> None:
        if self.model not in OPERATIONS:
            raise UsageError.unknown("kind of object", self.model, OPERATIONS)
        if self.socket_timeout_s <= 0:
            raise UsageError(f"socket_timeout_s is {self.socket_timeout_s!r}", remedy="give seconds above 0")

    @property
    def name(self) -> str:
        """The kind of object."""
        return f"redis-py, {self.model} without retries"

    @property
    def says_fail(self) -> bool:
        """It counts what it sends, so an error can be certain."""
        return True

    @property
    def operations(self) -> frozenset[str]:
        """What its sessions can apply."""
        return frozenset(OPERATIONS[self.model])

    def open(self, endpoints: Endpoints) -> LineSession:
        """A line of its own."""
        return LineSession(RedisPyDialer(endpoints=endpoints, timeout_s=self.socket_timeout_s), OPERATIONS[self.model])


def objects(model: str, *, socket_timeout_s: float = 1.0) -> Objects:
    """redis-py with the plain commands of one kind of object, and no retries."""
    return Objects(model=model, socket_timeout_s=socket_timeout_s)


def _text(op: Invocation) -> str:
    if isinstance(op.input, str | int | float) and not isinstance(op.input, bool):
        return str(op.input)
    raise UsageError(f"{op.name} of {op.input!r}", remedy="give a text or a number")


def write(session: LineSession, op: Invocation) -> Json:
    """SET."""
    return str(session.ask("SET", op.key, _text(op)))


def read(session: LineSession, op: Invocation) -> Json:
    """GET."""
    found = session.ask("GET", op.key)
    return None if found is None else str(found)


def read_number(session: LineSession, op: Invocation) -> Json:
    """GET of a number, 0 where there is none."""
    return _number(session.ask("GET", op.key))


def cas(session: LineSession, op: Invocation) -> Answer:
    """A script that compares and sets; `fail` where another value was there."""
    if not (isinstance(op.input, list) and len(op.input) == 2):
        raise UsageError(f"cas of {op.input!r}", remedy="give [old, new]")
    old, new = map(str, op.input)
    return compared(done=session.ask("EVAL", CAS, "1", op.key, old, new) == 1)


def compared(*, done: bool) -> Answer:
    """The answer of a cas."""
    return Answer(output="OK") if done else Answer(outcome="fail", error="another value was there")


def add(session: LineSession, op: Invocation) -> Json:
    """INCRBY: the new value."""
    return _number(session.ask("INCRBY", op.key, "1" if op.input is None else _text(op)))


def enqueue(session: LineSession, op: Invocation) -> Json:
    """RPUSH: how many elements there are."""
    return _number(session.ask("RPUSH", op.key, _text(op)))


def dequeue(session: LineSession, op: Invocation) -> Json:
    """LPOP."""
    found = session.ask("LPOP", op.key)
    return None if found is None else str(found)


def read_log(session: LineSession, op: Invocation) -> Json:
    """LRANGE of the whole list."""
    return _texts(session.ask("LRANGE", op.key, "0", "-1"))


def add_member(session: LineSession, op: Invocation) -> Json:
    """SADD."""
    return _number(session.ask("SADD", op.key, _text(op)))


def read_set(session: LineSession, op: Invocation) -> Json:
    """SMEMBERS, sorted."""
    return sorted(_texts(session.ask("SMEMBERS", op.key)))


def _number(reply: object) -> int:
    return 0 if reply is None else int(str(reply))


def _texts(reply: Any) -> list[Any]:
    return [str(one) for one in reply or ()]


OPERATIONS: Final[Mapping[str, Mapping[str, Callable[[LineSession, Invocation], Answer | Json]]]] = MappingProxyType(
    {
        "register": {"write": write, "read": read, "increment": add},
        "cas-register": {"write": write, "read": read, "cas": cas},
        "counter": {"add": add, "read": read_number},
        "queue": {"enqueue": enqueue, "dequeue": dequeue},
        "append-log": {"append": enqueue, "read": read_log},
        "set": {"add": add_member, "read": read_set},
    }
)
"""For each kind of object, its operations."""
