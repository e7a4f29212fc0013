"""A program that is not ours, such as a bot, started so that it cannot outlive us: the client of `keeper.py`."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

from pytest_arbredis.errors import HarnessError, UsageError

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence

SCRIPT: Final = Path(__file__).with_name("keeper.py")
STARTS_WITHIN_S: Final = 20.0
ENDS_WITHIN_S: Final = 5.0


class KeptProgram:
    """A running program, killed for certain when this is closed, or when this process ends in whatever way.

    `stdin`, `stdout` and `stderr` are raw pipes where they were asked for with `subprocess.PIPE`. Thread-safe but for
    the pipes. Raises `UsageError` where the program cannot be executed.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        own_session: bool = True,
    ) -> None:
        self.argv = tuple(argv)
        self._status: int | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._life, theirs = socket.socketpair()
        where = "session" if own_session else "group"
        command = [sys.executable, "-I", "-S", str(SCRIPT), str(os.getpid()), str(theirs.fileno()), where, *argv]
        try:
            with theirs:
                self._keeper = subprocess.Popen(
                    command,
                    env=dict(env),
                    cwd=cwd,
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    pass_fds=(theirs.fileno(),),
                    bufsize=0,
                    start_new_session=own_session,
                )
        except OSError as error:
            self._life.close()
            raise UsageError(
                f"{self.argv[0]!r} cannot be started in {cwd or Path.cwd()}: {error.strerror}",
                remedy="give a folder that exists",
            ) from error
        self._lines = self._life.makefile("rb")
        try:
            self.pid = self._started()
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._watch, name=f"arbredis-kept-{self.pid}", daemon=True).start()

    @property
    def stdin(self) -> IO[bytes] | None:
        """The pipe that the program reads."""
        return self._keeper.stdin

    @property
    def stdout(self) -> IO[bytes] | None:
        """The pipe that the program writes to."""
        return self._keeper.stdout

    @property
    def stderr(self) -> IO[bytes] | None:
        """The pipe of its complaints."""
        return self._keeper.stderr

    def status(self) -> int | None:
        """None while it runs, else its exit status, negative for a signal."""
        return self._status

    def wait(self, within_s: float | None = None) -> int | None:
        """Its exit status; None if it still runs after `within_s` seconds."""
        self._ended.wait(within_s)
        return self._status

    def signal(self, number: signal.Signals | int) -> None:
        """Send it a signal, and with a session of its own to all in it; nothing if it has ended."""
        if self._status is None and not self._closed:
            with contextlib.suppress(OSError):
                self._life.sendall(b"signal %d\n" % int(number))

    def close(self) -> None:
        """Kill it if it still runs, and give back its pipes. Idempotent; nothing in a fork of its owner."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        with contextlib.suppress(OSError):
            self._life.shutdown(socket.SHUT_WR)
        try:
            self._keeper.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired as error:
            self._keeper.kill()  # the program dies with it
            self._keeper.wait()
            raise HarnessError(
                f"{self.argv[0]!r} did not end within {ENDS_WITHIN_S:.0f} s of SIGKILL",
                remedy="look for a process that is stuck in the kernel",
            ) from error
        finally:
            self._ended.wait(1.0 if hasattr(self, "pid") else 0.0)
            for pipe in (self.stdin, self.stdout, self.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # what is still to be written goes nowhere
                        pipe.close()
            self._life.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _started(self) -> int:
        self._life.settimeout(STARTS_WITHIN_S)
        try:
            line = self._lines.readline().decode(errors="replace").strip()
        except TimeoutError as error:
            raise HarnessError(
                f"{self.argv[0]!r} was not started within {STARTS_WITHIN_S:.0f} s", remedy="the machine is overloaded"
            ) from error
        self._life.settimeout(None)
        word, _, rest = line.partition(" ")
        if word == "started":
            return int(rest)
        if word == "failed":
            raise UsageError(
                f"{self.argv[0]!r} cannot be started: {rest.partition(' ')[2]}",
                remedy="give a program that is on PATH, or the path of one that is executable",
            )
        raise HarnessError(f"the keeper of {self.argv[0]!r} ended at its start", remedy="free processes or memory")

    def _watch(self) -> None:
        status = -9  # a keeper that was killed took the program with it
        try:
            line = self._lines.readline().split()
            if line and line[0] == b"ended":
                status = int(line[1])
        except OSError:
            pass
        self._status = status
        self._ended.set()
        self._lines.close()
