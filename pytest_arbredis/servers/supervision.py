"""The client of the supervisor: how we ask it to start, signal, watch and guard."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from pytest_arbredis.errors import HarnessError

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator, Mapping, Sequence

SCRIPT: Final = Path(__file__).with_name("supervisor.py")
ANSWER_WITHIN_S: Final = 10.0


class Supervisor:
    """The client of `supervisor.py`: one process that owns servers for us. Thread-safe; useless in a fork of us.

    Its own complaints go to the end of `log`, or nowhere.
    """

    def __init__(self, log: Path | None = None) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._buffer = b""
        self._requests = 0
        self._owner = os.getpid()

    @property
    def pid(self) -> int | None:
        """The supervisor's own process id; None before `start()` and after `close()`."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start it, unless it runs. Returns at once; the first request waits until it is up (some 30 ms)."""
        with self._lock:
            self._start()

    def _start(self) -> None:
        if self._process is not None:
            return
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-I", "-S", str(SCRIPT), str(os.getpid())]
        try:
            with theirs, Path(self._log or os.devnull).open("ab") as complaints:
                self._process = subprocess.Popen(
                    command,
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=complaints,
                    cwd="/",
                    start_new_session=True,
                )
        except OSError as error:
            ours.close()
            raise HarnessError(
                f"the supervisor could not be started: {error}", remedy="free processes or disk"
            ) from error
        ours.settimeout(ANSWER_WITHIN_S)
        self._channel, self._buffer = ours, b""

    def spawn(self, argv: Sequence[str], *, cwd: Path, log: Path, env: Mapping[str, str] | None = None) -> int:
        """The pid of a new process in its own session; its output is appended to `log`. `env` None: as ours was."""
        pid = self._request(
            "spawn",
            argv=list(argv),
            cwd=str(cwd.absolute()),
            log=str(log.absolute()),
            env=None if env is None else dict(env),
        )
        if not isinstance(pid, int):
            raise HarnessError(f"the supervisor answered {pid!r} to a spawn", remedy="report this")
        return pid

    def signal(self, pid: int, number: signal.Signals) -> None:
        """Send a signal; STOP, CONT and KILL go to the server's children as well. `HarnessError` if it has ended."""
        self._request("signal", pid=pid, number=int(number))

    def status(self, pid: int) -> int | None:
        """None while it runs, else its exit status, negative for a signal."""
        status = self._request("status", pid=pid)
        return status if isinstance(status, int) else None

    def kill_many(self, pids: Sequence[int]) -> None:
        """SIGKILL these processes and their children, all at once, and wait until they are gone."""
        self._request("kill_many", pids=list(pids))

    def guard_containers(self, host: str, label: str) -> None:
        """Have the containers with this label removed when we end without having done it."""
        self._request("guard_containers", host=host, label=label)

    @contextlib.contextmanager
    def creating(self) -> Iterator[None]:
        """Within it containers are being created: when we die here, the sweep waits for those still to appear.

        Left by an exception it stays in force: what the engine was asked for may still come.
        """
        self._request("creating", change=1)
        yield
        self._request("creating", change=-1)

    def remove_tree_on_exit(self, path: Path) -> None:
        """Have this directory removed after everything has ended, on `close()` as well as on our death."""
        self._request("remove_tree_on_exit", path=str(path.absolute()))

    def close(self) -> None:
        """End everything that it started, and itself; wait until they are gone. Idempotent; nothing in a fork."""
        if os.getpid() != self._owner:
            return
        with self._lock:
            process, channel = self._process, self._channel
            if process is None or channel is None:
                return
            with contextlib.suppress(OSError):
                channel.sendall(b'{"do": "bye"}\n')
            try:
                process.wait(ANSWER_WITHIN_S)
            except subprocess.TimeoutExpired as error:
                process.kill()  # its servers die with it
                process.wait()
                raise HarnessError(
                    f"the supervisor did not end within {ANSWER_WITHIN_S:.0f} s and was killed",
                    remedy="look for servers or containers that are stuck",
                ) from error
            finally:
                channel.close()
                self._process = self._channel = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _request(self, do: str, **arguments: object) -> object:
        if os.getpid() != self._owner:
            raise HarnessError(
                f"pid {os.getpid()} is a fork of pid {self._owner}, which owns the servers",
                remedy="start servers in the process that uses them",
            )
        with self._lock:
            if self._channel is None or self._process is None:
                raise HarnessError(f"the supervisor does not run: it cannot {do}", remedy="call start() before")
            self._requests += 1
            number = self._requests
            try:
                self._channel.sendall(json.dumps({"id": number, "do": do, **arguments}).encode() + b"\n")
                answer = self._answer(number)
            except TimeoutError as error:
                raise HarnessError(
                    f"the supervisor (pid {self._process.pid}) did not answer {do!r} within {ANSWER_WITHIN_S:.0f} s",
                    remedy="the machine is overloaded, or somebody stopped the supervisor",
                ) from error
            except OSError as error:
                raise HarnessError(
                    f"the supervisor (pid {self._process.pid}) has ended, and its servers with it: {error}",
                    remedy="somebody killed it: look for the out-of-memory killer",
                ) from error
        if "error" in answer:
            raise HarnessError(f"the supervisor could not {do}: {answer['error']}", remedy="see the cause above")
        return answer["ok"]

    def _answer(self, number: int) -> dict[str, object]:
        """The answer to this request. Others belong to requests whose caller was interrupted by Ctrl-C: dropped."""
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if newline:
                self._buffer = rest
                with contextlib.suppress(ValueError):
                    answer = json.loads(line)
                    if answer["id"] == number:
                        return dict(answer)
                continue
            chunk = self._channel.recv(65536) if self._channel else b""
            if not chunk:
                raise ConnectionResetError("it closed the channel")
            self._buffer += chunk
