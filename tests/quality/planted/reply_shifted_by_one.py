"""A connection is kept after a time-out: the reply that comes late is taken for that of the next command."""

from __future__ import annotations

from redis.exceptions import TimeoutError as LateError

from planted.case import SILENT, WRITE_AND_READ, Planted, registers
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS


class Session(LineSession):
    """Does not hang up when nothing comes."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, OPERATIONS["register"])
        self._shared = shared
        self._late = False

    def ask_on(self, line, *words):
        try:
            return super().ask_on(line, *words)
        except LateError:
            self._late = True
            raise

    def hang_up(self):
        if self._late:
            self._late = False
            self._shared.touch()
        else:
            super().hang_up()


PLANTED = Planted(
    name="reply_shifted_by_one",
    does="Goes on with a connection on which a reply was not awaited.",
    buggy=Session,
    correct=lambda dialer, _: LineSession(dialer, OPERATIONS["register"]),
    steps=WRITE_AND_READ,
    workload=registers(),
    faults=SILENT,
    claim=checks.linearizable_register(),
    judged=("write", "read"),
    seconds=1.8,
    timeout_s=0.15,
    only_by_a_fault=True,
)
