"""The parent of a program that is not ours, such as a bot: a script of its own, so that nothing outlives its owner.

Run as `python -I -S keeper.py OWNER_PID LIFE session|group PROGRAM ARGUMENTS…`; LIFE is the descriptor of a socket to
the owner. The program inherits standard input, output and error as they are. The owner is told, a line each,
`started PID` or `failed ERRNO TEXT`, and at last `ended STATUS` (negative for a signal). It may say `signal NUMBER`.
When its end of the socket closes, or when it is not our parent any more, the program's process group is killed.

In a `session` the program leads a session and a group of its own; in a `group` it stays in ours, at our terminal, and
only it is killed. Standard library only, and little of it: it must be up within 30 ms.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import socket
import sys

POLL_S = 0.05
PR_SET_PDEATHSIG = 1
OURS_TO_IGNORE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE)


def start(argv: list[str], life: socket.socket, *, own_session: bool) -> int:
    """The pid of the program; it was executed, or the owner is told why not and we end."""
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
    failure, report = os.pipe()
    me = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            if own_session:
                os.setsid()
            if prctl is not None:
                prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != me:
                os._exit(1)
            for number in (*OURS_TO_IGNORE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            os.execvp(argv[0], argv)  # noqa: S606 - the caller's program, and no shell is wanted
        except OSError as error:
            os.write(report, f"{error.errno or errno.EINVAL} {error.strerror}".encode())
        finally:
            os._exit(127)
    os.close(report)
    with os.fdopen(failure, "rb") as pipe:
        why = pipe.read().decode()
    if why:
        os.waitpid(pid, 0)
        tell(life, f"failed {why}")
        sys.exit(127)
    return pid


def tell(life: socket.socket, line: str) -> None:
    """Say a line to the owner, if it is still there."""
    try:
        life.sendall(line.encode() + b"\n")
    except OSError:
        return


def kill(pid: int, *, own_session: bool) -> None:
    """SIGKILL the program, and with a session of its own all that it started there."""
    try:
        if own_session:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
    except OSError:  # it is gone; macOS says EPERM of a zombie
        return


def keep(pid: int, owner: int, life: socket.socket, *, own_session: bool) -> int:
    """The program's status, once it has ended; it is killed when the owner has gone."""
    pending = b""
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if os.getppid() != owner:
            kill(pid, own_session=own_session)
        elif select.select([life], [], [], POLL_S)[0]:
            chunk = _read(life)
            if not chunk:
                kill(pid, own_session=own_session)
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                _signal(pid, int(line.split()[1]), own_session=own_session)


def _read(life: socket.socket) -> bytes:
    try:
        return life.recv(4096)
    except OSError:
        return b""


def _signal(pid: int, number: int, *, own_session: bool) -> None:
    try:
        if own_session:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except OSError:
        return


def main() -> None:
    """Start, keep, and tell how it ended."""
    owner, descriptor, where, *argv = sys.argv[1:]
    for number in OURS_TO_IGNORE:
        signal.signal(number, signal.SIG_IGN)
    life = socket.socket(fileno=int(descriptor))
    life.set_inheritable(False)
    own_session = where == "session"
    pid = start(argv, life, own_session=own_session)
    tell(life, f"started {pid}")
    for inherited in (0, 1, 2):  # the program's alone: its readers must see the end when it ends
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, inherited)
        os.close(null)
    status = keep(pid, int(owner), life, own_session=own_session)
    if own_session:
        kill(pid, own_session=True)  # what it left behind in its group
    tell(life, f"ended {status}")


if __name__ == "__main__":
    main()
