"""Servers as processes: children of a supervisor, which ends them whatever becomes of us."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Final, Literal, Self

from pytest_arbredis.errors import HarnessError, MissingBinaryError, UsageError
from pytest_arbredis.servers.redis import parse_version, says_of_itself
from pytest_arbredis.servers.supervision import Supervisor

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_arbredis.servers.launcher import Server, ServerKind, ServerSpec

__all__ = ["ProcessLauncher", "ServerProcess", "Supervisor"]

TAIL_BYTES: Final = 65536


class ServerProcess:
    """A server as a process, over several incarnations, with one log."""

    def __init__(self, spec: ServerSpec, argv: tuple[str, ...], supervisor: Supervisor) -> None:
        self._spec = spec
        self._argv = argv
        self._supervisor = supervisor
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._status: int | None = None
        self._forgotten = False

    @property
    def spec(self) -> ServerSpec:
        """What was started."""
        return self._spec

    @property
    def pid(self) -> int | None:
        """Its process id; None while it does not run."""
        return self._pid if self.exit_status() is None else None

    @property
    def log_path(self) -> Path:
        """`<directory>/<name>.log`, appended to by every incarnation."""
        return self._spec.directory / f"{self._spec.name}.log"

    def start(self) -> None:
        """Start it again after it ended. Returns once executed, not when ready."""
        with self._lock:
            if self._forgotten:
                raise HarnessError(f"{self._spec.name} was given up by its launcher", remedy="launch it anew")
            if self._pid is not None and self._exit_status() is None:
                raise HarnessError(f"{self._spec.name} runs already (pid {self._pid})", remedy="end it before")
            env = {**os.environ, **dict(self._spec.env)} if self._spec.env else None
            self._pid = self._supervisor.spawn(self._argv, cwd=self._spec.directory, log=self.log_path, env=env)
            self._status = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal. Raises `HarnessError` if it does not run."""
        with self._lock:
            status = self._exit_status()
            if self._pid is None or status is not None:
                raise HarnessError(
                    f"{self._spec.name} does not run (exit status {status}): {number.name} cannot be sent",
                    remedy="start it before",
                )
            self._supervisor.signal(self._pid, number)

    def exit_status(self) -> int | None:
        """None while it runs; else its exit status, -9 for SIGKILL."""
        with self._lock:
            return self._exit_status()

    def _exit_status(self) -> int | None:
        if self._status is None and self._pid is not None:
            self._status = self._supervisor.status(self._pid)
        return self._status

    def log_tail(self, lines: int = 10) -> str:
        """The last lines of its log."""
        with contextlib.suppress(FileNotFoundError), self.log_path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        return ""

    def give_up(self) -> int | None:
        """Never start it again; its pid if it may still run."""
        with self._lock:
            self._forgotten = True
            return self._pid if self._pid is not None and self._status is None else None

    def ended(self) -> None:
        """Fetch its last exit status, while the supervisor can still be asked."""
        self.exit_status()


class ProcessLauncher:
    """Starts servers from the binaries on this machine, under a supervisor that is given, else one of its own."""

    def __init__(
        self, binaries: Mapping[ServerKind, Path], *, root: Path, supervisor: Supervisor | None = None
    ) -> None:
        self._binaries = {kind: path.absolute() for kind, path in binaries.items()}
        self._root = root
        self._own = Supervisor(log=root / "supervisor.log")
        self._supervisor = supervisor or self._own
        self._servers: list[ServerProcess] = []
        self._versions: dict[ServerKind, str] = {}
        self._lock = threading.Lock()
        self._closed = False

    @property
    def name(self) -> Literal["process", "docker"]:
        """`process`."""
        return "process"

    @property
    def supervisor(self) -> Supervisor:
        """The owner of its servers, for what else must end with them."""
        return self._supervisor

    def launch(self, specs: Sequence[ServerSpec]) -> list[Server]:
        """Start all of them, or none. Returns once they are executed, not when ready."""
        servers: list[ServerProcess] = []
        for spec in specs:
            argv = (str(self._binary(spec.kind)), *spec.args)
            servers.append(ServerProcess(spec, argv, self._supervisor))
        with self._lock:
            if self._closed:
                raise HarnessError("the launcher is closed", remedy="make a new one")
            self._root.mkdir(parents=True, exist_ok=True)
            self._supervisor.start()
            self._servers += servers
        try:
            for server in servers:
                server.start()
        except BaseException:
            self.forget(servers)
            raise
        return list(servers)

    def forget(self, servers: Sequence[Server]) -> None:
        """End these servers now (SIGKILL), all at once, and wait until they are gone. Idempotent."""
        wanted = {id(server) for server in servers}
        with self._lock:
            if self._closed:
                return
            ours = [server for server in self._servers if id(server) in wanted]
            pids = [pid for server in ours if (pid := server.give_up()) is not None]
            if pids:
                self._supervisor.kill_many(pids)
            for server in ours:
                server.ended()
            self._servers = [server for server in self._servers if id(server) not in wanted]

    def version(self, kind: ServerKind) -> str:
        """The version that its binary for this kind says it is, such as '7.0.15'."""
        if kind not in self._versions:
            path = self._binary(kind)
            version = parse_version(says_of_itself(path))
            if not version:
                raise HarnessError(f"{path} does not tell its version", remedy=f"give a {kind} binary that runs")
            self._versions[kind] = version
        return self._versions[kind]

    def close(self) -> None:
        """End everything that it started, and the supervisor; wait until they are gone. Idempotent."""
        with self._lock:
            self._closed = True
            servers, self._servers = self._servers, []
            pids = [pid for server in servers if (pid := server.give_up()) is not None]
            try:
                if pids:
                    with contextlib.suppress(HarnessError):  # a supervisor that died took its servers with it
                        self._supervisor.kill_many(pids)
                        for server in servers:
                            server.ended()
            finally:
                self._own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _binary(self, kind: ServerKind) -> Path:
        path = self._binaries.get(kind)
        if path is None:
            known = ", ".join(sorted(self._binaries)) or "none"
            raise UsageError(f"this launcher has no binary for {kind!r}", remedy=f"it has: {known}")
        if not os.access(path, os.X_OK):
            raise MissingBinaryError(
                f"the {kind} binary {path} is gone or not executable", remedy="arbredis doctor --fix"
            )
        return path
