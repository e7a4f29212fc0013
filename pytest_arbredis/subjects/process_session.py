"""A session of a bot that speaks JSON lines: one program, one operation at a time, each with a deadline."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.packing import packed
from pytest_arbredis.load.protocol import Answer, Endpoints, Invocation
from pytest_arbredis.subjects.bot import Bot
from pytest_arbredis.subjects.json_answer import GarbageError, is_ready, said_in
from pytest_arbredis.subjects.pipes import EndedError, LinePipes

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.subjects.json_lines import Process

READY_WITHIN_S: Final = 20.0
ENDS_WITHIN_S: Final = 1.0
"""A program whose standard input has ended is killed after this."""


class ProcessSession:
    """One program for one client thread. Implements `Session` and `Reports`."""

    def __init__(self, subject: Process, endpoints: Endpoints) -> None:
        self._subject = subject
        self._endpoints = endpoints
        self._remarks: list[dict[str, Json]] = []
        self._note: Callable[[dict[str, Json]], None] = self._remarks.append
        self._lock = threading.Lock()
        self._answered = False
        self._late: set[int] = set()
        self._bot, self._pipes = self._started()

    def report_to(self, note: Callable[[dict[str, Json]], None]) -> None:
        """Tell from now on when the program dies, or is started again; what it did before is told at once."""
        with self._lock:
            self._note = note
            for remark in self._remarks:
                note(remark)

    def apply(self, op: Invocation) -> Answer:
        """Ask the program, and wait for its answer. Raises `UsageError` if it dies before its first one."""
        if self._bot.status() is not None:
            if not self._answered:
                raise self._never_answered()
            if not self._subject.restarts:
                return Answer(outcome="fail", error=f"not asked: {self._bot.told()}")
            self._bot.close()
            self._bot, self._pipes = self._started()
            self._tell({"kind": "subject-started-again", "pid": self._bot.pid})
        until = time.monotonic() + self._subject.deadline_s
        asked = packed({"id": op.id, "name": op.name, "key": op.key, "input": op.input})
        try:
            if not self._pipes.send(asked + b"\n", until=until):
                return Answer(outcome="fail", error=f"not asked: it reads nothing for {self._subject.deadline_s:g} s")
            return self._answer(op.id, until)
        except EndedError as why:
            self._bot.end(within_s=ENDS_WITHIN_S)
            if not self._answered:
                raise self._never_answered() from why
            return Answer(outcome="unknown", error=f"{why}: {self._bot.told()}")

    def close(self) -> None:
        """End the program: its standard input ends; if that is not enough it is killed."""
        self._bot.close(grace_s=ENDS_WITHIN_S)

    def _never_answered(self) -> UsageError:
        return UsageError(
            f"{self._subject.name} ended before its first answer: {self._bot.told()}",
            remedy="start it by hand, with REDIS_URL set, and give it a line as docs/your-bot.md shows",
        )

    def _answer(self, wanted: int, until: float) -> Answer:
        while (line := self._pipes.line(until=until)) is not None:
            where = f"line {self._pipes.number} of its standard output"
            try:
                said = said_in(line, nodes=self._endpoints.nodes)
            except GarbageError as why:
                self._late.add(wanted)
                return Answer(outcome="unknown", error=f"{where} {why}")
            self._answered = True
            if said.id == wanted:
                return said.answer
            if said.id not in self._late:
                self._late.add(wanted)
                return Answer(outcome="unknown", error=f"{where} answers {said.id}, which was not asked now")
        self._late.add(wanted)
        return Answer(outcome="unknown", error=f"no answer within {self._subject.deadline_s:g} s")

    def _started(self) -> tuple[Bot, LinePipes]:
        """A new program; with `says_ready`, one that said so."""
        subject = self._subject
        bot = Bot(subject.argv, env={**self._endpoints.env, **dict(subject.env)}, cwd=subject.cwd, died=self._tell)
        pipes = LinePipes(bot.stdin, bot.stdout)
        if not subject.says_ready:
            return bot, pipes
        try:
            line = pipes.line(until=time.monotonic() + READY_WITHIN_S)
        except EndedError:
            bot.end(within_s=ENDS_WITHIN_S)
            line = None
        if line is None or not is_ready(line):
            told = f"line 1 of its standard output is {line[:200]!r}" if line else bot.told()
            bot.close()
            raise UsageError(
                f"{subject.name} did not say that it is ready: {told}",
                remedy='print {"ready": true} as its first line, or leave says_ready out',
            )
        return bot, pipes

    def _tell(self, remark: dict[str, Json]) -> None:
        with self._lock:
            self._note(remark)
