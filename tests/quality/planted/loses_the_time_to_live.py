"""A write that is repeated is written without its time to live: the key stays for ever."""

from __future__ import annotations

from redis.exceptions import RedisError

from planted.case import REPLIES_LOST, WRITE_AND_READ, WRITES, Planted
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS

TTL_S = "600"


class Expiring(LineSession):
    """Writes with a time to live, and once more if that failed."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, OPERATIONS["register"])
        self._shared = shared

    def answer(self, op):
        if op.name != "write":
            return super().answer(op)
        try:
            return self._set(op, "EX", TTL_S)
        except RedisError:
            return self._set(op, *self.again())

    def again(self):
        return "EX", TTL_S

    def _set(self, op, *options):
        try:
            return Answer(output=str(self.ask("SET", op.key, op.input, *options)), node=self.tried[-1])
        except RedisError:
            self.hang_up()
            raise


class Session(Expiring):
    """Without, the second time."""

    def again(self):
        self._shared.touch()
        return ()


def every_key_expires(history):
    """Every key of the run has a time to live in the end."""
    kept = [
        key
        for event in history.events_named("note")
        if event.data.get("kind") == "keyspace"
        for key, (_, _, expires_ms) in event.data["keys"].items()
        if expires_ms < 0
    ]
    told = any(event.data.get("keys") for event in history.events_named("note"))
    return f"{len(kept)} keys never expire: {', '.join(kept[:3])}" if kept else "" if told else None


PLANTED = Planted(
    name="loses_the_time_to_live",
    does="Writes a key without its time to live when it writes it again.",
    buggy=Session,
    correct=Expiring,
    steps=WRITE_AND_READ,
    workload=WRITES,
    faults=REPLIES_LOST,
    claim=checks.invariant("every_key_expires", every_key_expires),
    only_by_a_fault=True,
)
