"""A bot's program while it is tested: its pipes, its last words, and a remark for the history when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import IO, TYPE_CHECKING, Final

from pytest_arbredis.servers.program import KeptProgram
from pytest_arbredis.subjects.last_lines import LastLines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_arbredis.history.records import Json

LAST_WORDS_WITHIN_S: Final = 0.5


class Bot:
    """A running program with `env` added to our environment; `died` is told when it ends before it is told to.

    With `asked` its standard input and output are pipes of the caller's; else nobody speaks to it, and both outputs
    are kept as its last words.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None,
        died: Callable[[dict[str, Json]], None],
        asked: bool = True,
    ) -> None:
        self._program = KeptProgram(
            argv,
            env={**os.environ, **env},
            cwd=cwd,
            stdin=subprocess.PIPE if asked else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if asked else subprocess.STDOUT,
        )
        self._died = died
        self._ending = False
        told = self._program.stderr if asked else self._program.stdout
        self._words = LastLines(_pipe(told))
        threading.Thread(target=self._watch, name=f"arbredis-bot-{self.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._program.pid

    @property
    def stdin(self) -> IO[bytes]:
        """What it reads."""
        return _pipe(self._program.stdin)

    @property
    def stdout(self) -> IO[bytes]:
        """What it writes."""
        return _pipe(self._program.stdout)

    def status(self) -> int | None:
        """None while it runs, else its exit status, negative for a signal."""
        return self._program.status()

    def told(self) -> str:
        """How it ended, and its last words."""
        status = self.status()
        how = "it runs" if status is None else f"it ended with {_status(status)}"
        words = self._words.lines(within_s=LAST_WORDS_WITHIN_S)
        return f"{how}; it said: {' | '.join(words[-3:])}" if words else f"{how}, and said nothing"

    def end(self, *, within_s: float) -> None:
        """Wait for its end, and kill it if that does not come."""
        if self._program.wait(within_s) is None:
            self._program.signal(signal.SIGKILL)
            self._program.wait(within_s)

    def close(self, *, grace_s: float = 0.0, number: signal.Signals | None = None) -> None:
        """End it: by the end of its input or a signal, and after `grace_s` for certain."""
        self._ending = True
        if number is not None:
            self._program.signal(number)
        elif self._program.stdin is not None:
            self._program.stdin.close()
        if grace_s:
            self._program.wait(grace_s)
        self._program.close()

    def _watch(self) -> None:
        status = self._program.wait()
        if self._ending or status is None:
            return
        said: list[Json] = [*self._words.lines(within_s=LAST_WORDS_WITHIN_S)]
        self._died({"kind": "subject-died", "pid": self.pid, "status": status, "said": said})


def _status(status: int) -> str:
    return f"status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("a pipe that was not asked for")
    return pipe
