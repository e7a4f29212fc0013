"""A session over one line: every command sent once, counted; after any error the next operation dials anew."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.protocol import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.line import Dialer, Line
    from pytest_arbredis.load.protocol import Invocation


class LineSession:
    """Implements `Session` and `CountsAttempts`. `operations` gives for each name what it asks of the session."""

    def __init__(
        self, dialer: Dialer, operations: Mapping[str, Callable[[LineSession, Invocation], Answer | Json]]
    ) -> None:
        self.dialer = dialer
        self._operations = operations
        self._line: Line | None = None
        self._attempts = 0
        self._tried: list[str] = []

    @property
    def attempts(self) -> int:
        """How many commands of the last operation were handed to a socket."""
        return self._attempts

    @property
    def tried(self) -> tuple[str, ...]:
        """The nodes that the last operation dialled or asked."""
        return tuple(dict.fromkeys(self._tried))

    def apply(self, op: Invocation) -> Answer:
        """Apply one operation."""
        self._attempts = 0
        self._tried = []
        return self.answer(op)

    def answer(self, op: Invocation) -> Answer:
        """What the operation gives, of the node that was asked last."""
        action = self._operations.get(op.name)
        if action is None:
            raise UsageError.unknown("operation", op.name, self._operations)
        try:
            output = action(self, op)
        except BaseException:
            self.hang_up()
            raise
        said = output if isinstance(output, Answer) else Answer(output=output)
        return replace(said, node=self._tried[-1] if self._tried else None)

    def line(self) -> Line:
        """The present line, connected; to the primary, as it is known now, if there was none."""
        if self._line is None:
            self._line = self.dialer.primary()
        self.connect(self._line)
        return self._line

    def connect(self, line: Line) -> None:
        """Connect a line, and note that its node was tried."""
        self._tried.append(line.node)
        line.connect()

    def ask(self, *words: str) -> object:
        """Send one command on the present line, and await its reply."""
        return self.ask_on(self.line(), *words)

    def ask_on(self, line: Line, *words: str) -> object:
        """Send one command on a line that is connected, and await its reply."""
        self._attempts += 1
        line.send(*words)
        return line.receive()

    def hang_up(self) -> None:
        """The present line is not used again."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def close(self) -> None:
        """Hang up."""
        self.hang_up()
