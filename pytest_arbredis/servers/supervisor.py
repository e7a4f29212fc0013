"""The parent of every server that we start: a script of its own, so that nothing outlives a killed pytest.

Run as `python -I -S supervisor.py OWNER_PID` in its own session, with one end of a socket pair as standard input. It
answers JSON lines (`{"id": 1, "do": "spawn", …}` → `{"id": 1, "ok": …}` or `{"id": 1, "error": …}`) until the other
end closes, or until its parent is no longer OWNER_PID (a fork of pytest may keep the pipe open); then it kills what it
started, sweeps the containers that it guards, removes the trees that were registered, and exits. Signals do not end it.

Standard library only, and little of it: it must be up within 40 ms. `typing` and `subprocess` alone would cost 15.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Answer = int | dict[str, int] | None

CHANNEL = 0
POLL_S = 0.2
KILL_WITHIN_S = 5.0
SWEEP_WITHIN_S = 5.0
SWEEP_QUIET_S = 0.5
PR_SET_PDEATHSIG = 1
WHOLE_GROUP = (signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT)
"""Signals that a container's engine sends to all of a container: here they go to the server's children too."""
DEFAULT_IN_CHILDREN = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ)


def _load_prctl() -> Callable[[int, int], int] | None:
    """The C library's prctl, loaded before any fork; None where there is none (macOS)."""
    if sys.platform != "linux":
        return None
    prctl: Callable[[int, int], int] = ctypes.CDLL(None, use_errno=True).prctl
    return prctl


class Children:
    """The servers: spawned, signalled and reaped here only, so that no pid of theirs is ever recycled under us."""

    def __init__(self) -> None:
        self._running: set[int] = set()
        self._ended: dict[int, int] = {}
        self._prctl = _load_prctl()

    def spawn(self, argv: list[str], cwd: str, log: str, env: dict[str, str] | None) -> int:
        """The pid of a new server, once it was executed; OSError if it could not be."""
        failure, report = os.pipe()
        me = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(argv, cwd, log, dict(os.environ) if env is None else env, report=report, parent=me)
        os.close(report)
        with os.fdopen(failure, "rb") as pipe:
            message = pipe.read()
        if message:
            os.waitpid(pid, 0)
            number, _, what = message.decode(errors="replace").partition(" ")
            raise OSError(int(number), what)
        self._running.add(pid)
        return pid

    def _become(self, argv: list[str], cwd: str, log: str, env: dict[str, str], *, report: int, parent: int) -> None:
        """Turn the forked child into the server. Never returns."""
        try:
            os.setsid()
            if self._prctl is not None:
                self._prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # killed before the line above: nobody would end us
                os._exit(1)
            for number in DEFAULT_IN_CHILDREN:
                signal.signal(number, signal.SIG_DFL)
            os.chdir(cwd)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.execvpe(argv[0], argv, env)  # noqa: S606 - argv is ours, and no shell is wanted
        except Exception as error:  # noqa: BLE001 - the other side of the fork raises it again
            code, what = getattr(error, "errno", None), getattr(error, "strerror", None)
            os.write(report, f"{code or errno.EINVAL} {what or error}: {argv[0]} in {cwd}".encode())
        finally:
            os._exit(127)

    def signal(self, pid: int, number: int) -> None:
        """Send a signal; ProcessLookupError if the server ended."""
        if self.status(pid) is not None:
            raise ProcessLookupError(f"pid {pid} has ended")
        if number in WHOLE_GROUP:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)

    def status(self, pid: int) -> int | None:
        """None while it runs, else its exit status, -9 for SIGKILL."""
        if pid in self._ended:
            return self._ended[pid]
        if pid not in self._running:
            raise ProcessLookupError(f"pid {pid} was not started here")
        reaped, status = os.waitpid(pid, os.WNOHANG)
        if not reaped:
            return None
        self._running.discard(pid)
        self._ended[pid] = os.waitstatus_to_exitcode(status)
        return self._ended[pid]

    def kill(self, pids: Iterable[int] | None = None) -> dict[str, int]:
        """SIGKILL these (None: all) and what they forked, all at once, and wait; their exit statuses by pid."""
        wanted = set(self._running) if pids is None else set(pids)
        for pid in wanted & self._running:
            try:
                os.killpg(pid, signal.SIGKILL)
            except OSError:  # macOS says EPERM of a zombie
                continue
        deadline = time.monotonic() + KILL_WITHIN_S
        for pid in wanted:
            while self.status(pid) is None:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"pid {pid} is still there {KILL_WITHIN_S:.0f} s after SIGKILL")
                time.sleep(0.001)
        return {str(pid): self._ended[pid] for pid in wanted}


def _neighbour(name: str) -> Any:
    """The module of this name beside us, which is no package to an isolated script."""
    from importlib.util import module_from_spec, spec_from_file_location

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")  # noqa: PTH118, PTH120, PTH100 - pathlib costs 8 ms
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Guard:
    """What is to be removed at the end beside the servers: containers and directories."""

    def __init__(self) -> None:
        self._containers: list[tuple[str, str]] = []
        self._trees: list[str] = []
        self._creations = 0

    def creating(self, change: int) -> None:
        """Creations of containers begin (1) or are over (-1)."""
        self._creations += change

    @property
    def is_creating(self) -> bool:
        """A creation may be under way at the engine."""
        return self._creations > 0

    def containers(self, host: str, label: str) -> None:
        """Remove the containers with this label, at this engine, when the owner is gone."""
        self._containers.append((host, label))

    def tree(self, path: str) -> None:
        """Remove this directory at the end, whatever the end was."""
        self._trees.append(path)

    def sweep(self, quiet_s: float) -> None:
        """Remove containers until none is found for `quiet_s` after the last: a creation may still be under way.

        Errors are tolerated and tried again within the limit: the engine may be busy, or gone for good.
        """
        if not self._containers:
            return
        sweep = _neighbour("sweep")
        deadline = time.monotonic() + SWEEP_WITHIN_S
        quiet_since: float | None = None
        while time.monotonic() < deadline:
            removed = 0
            for host, label in self._containers:
                try:
                    removed += int(sweep.remove_containers(host, label))
                except Exception as error:  # noqa: BLE001 - whatever it is, the next sweep may succeed
                    removed += 1
                    print(f"sweep of {label} at {host}: {error!r}", file=sys.stderr, flush=True)
            now = time.monotonic()
            if not removed and (quiet_s == 0 or (quiet_since is not None and now - quiet_since >= quiet_s)):
                return
            if removed or quiet_since is None:
                quiet_since = now
            time.sleep(0.05)

    def unmount(self) -> None:
        """Unmount what a fault mounted in a registered directory, which could not be removed otherwise."""
        if not self._trees:
            return
        mounts = _neighbour("mounts")
        for path in self._trees:
            for place in mounts.mounted_under(path):
                try:
                    mounts.unmount(place)
                except OSError as error:
                    print(f"unmounting {place}: {error}", file=sys.stderr, flush=True)

    def remove_trees(self) -> None:
        """Remove the registered directories, as far as that is possible."""
        if self._trees:
            import shutil

            for path in self._trees:
                shutil.rmtree(path, ignore_errors=True)


class Office:
    """Answers requests, and cleans up when the owner said goodbye or is gone."""

    def __init__(self, owner: int) -> None:
        self._owner = owner
        self._children = Children()
        self._guard = Guard()

    def serve(self) -> bool:
        """Answer until the end; True if the owner said goodbye, False if it is gone."""
        pending = b""
        while os.getppid() == self._owner:
            if not select.select([CHANNEL], [], [], POLL_S)[0]:
                continue
            chunk = os.read(CHANNEL, 65536)
            if not chunk:
                return False
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                request = json.loads(line)
                if request["do"] == "bye":
                    return True
                answer = json.dumps({"id": request["id"], **self._answer(request)})
                _write(answer.encode() + b"\n")
        return False

    def _answer(self, request: dict[str, object]) -> dict[str, Answer | str]:
        arguments = {name: value for name, value in request.items() if name not in {"id", "do"}}
        commands: dict[str, Callable[..., Answer]] = {
            "spawn": self._children.spawn,
            "signal": self._children.signal,
            "status": self._children.status,
            "kill_many": self._children.kill,
            "guard_containers": self._guard.containers,
            "creating": self._guard.creating,
            "remove_tree_on_exit": self._guard.tree,
        }
        try:
            return {"ok": commands[str(request["do"])](**arguments)}
        except Exception as error:  # noqa: BLE001 - the owner hears of it, and the servers stay guarded
            return {"error": f"{type(error).__name__}: {error}"}

    def clean_up(self, *, quiet_s: float) -> None:
        """Leave nothing behind: servers, containers, directories; each of them though another one failed."""
        quiet_s = quiet_s if self._guard.is_creating else 0.0
        guard = self._guard
        for step in (self._children.kill, lambda: guard.sweep(quiet_s), guard.unmount, guard.remove_trees):
            try:
                step()
            except Exception as error:  # noqa: BLE001 - the next step must run whatever this one did
                print(f"clean-up: {error!r}", file=sys.stderr, flush=True)


def _write(answer: bytes) -> None:
    while answer:
        answer = answer[os.write(CHANNEL, answer) :]


def main() -> None:
    """Serve one owner, then clean up and exit."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    office = Office(owner=int(sys.argv[1]))
    orderly = False
    try:
        orderly = office.serve()
    except OSError:  # the owner's end is closed, or reset
        orderly = False
    finally:
        office.clean_up(quiet_s=0.0 if orderly else SWEEP_QUIET_S)


if __name__ == "__main__":
    main()
