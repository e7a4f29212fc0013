"""A bot in any language as a subject: a program that speaks JSON lines on standard input and output.

    {"id": 7, "name": "write", "key": "arbredis:…", "input": "v0.7"}      asked, on its standard input
    {"id": 7, "outcome": "ok", "output": "OK"}                            answered, on its standard output

`outcome` is `ok` (applied), `fail` (certainly not applied) or `unknown`; without one, an answer with `output` and
without `error` is ok, and any other is unknown. `error` says why; `node` (a name, or `host:port`), `attempts`, and
`confirmed` with `wanted` (WAIT) may be told too. An answer that comes too late is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_arbredis.load.protocol import Endpoints
    from pytest_arbredis.subjects.process_session import ProcessSession

OPERATIONS = ("write", "read")
"""What a bot is taken to offer, unless it is said otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A program, started once for each client of the load, in a session of its own, with the topology's environment.

    `env` is added to ours and to the topology's. An operation without an answer after `deadline_s` is unknown. With
    `says_ready` the program prints a line `{"ready": true}` when it may be asked. A program that dies is started again
    only with `restarts`; before its first answer it is a usage error.
    """

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    cwd: Path | None = None
    deadline_s: float = 5.0
    restarts: bool = False
    says_ready: bool = False
    follows_primary: bool = False
    confirms: bool = False
    operations: frozenset[str] = frozenset(OPERATIONS)
    says_fail: bool = True

    def __post_init__(self) -> None:
        """Refuse what could only fail later."""
        check_argv(self.argv)
        if self.deadline_s <= 0:
            raise UsageError(f"deadline_s={self.deadline_s!r}", remedy="give seconds above 0")

    @property
    def name(self) -> str:
        """`process ./bot --fast`; the environment is not told."""
        return "process " + " ".join(self.argv)

    def open(self, endpoints: Endpoints) -> ProcessSession:
        """A process of its own for one client thread."""
        from pytest_arbredis.subjects.process_session import ProcessSession

        return ProcessSession(self, endpoints)


def process(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    deadline_s: float = 5.0,
    restarts: bool = False,
    says_ready: bool = False,
    follow_primary: bool = False,
    confirms: bool = False,
    operations: Iterable[str] = OPERATIONS,
) -> Process:
    """A program that speaks JSON lines; one is started for each client of the load.

    `follow_primary` gives it, as REDIS_URL and REDIS_HOST, one address that leads to whoever is primary.
    """
    return Process(
        argv=words_of(argv),
        env=tuple(sorted((env or {}).items())),
        cwd=None if cwd is None else Path(cwd),
        deadline_s=deadline_s,
        restarts=restarts,
        says_ready=says_ready,
        follows_primary=follow_primary,
        confirms=confirms,
        operations=frozenset(operations),
    )


def words_of(argv: Sequence[str]) -> tuple[str, ...]:
    """A command as its words; a string is refused, because no shell reads it."""
    if isinstance(argv, str):
        raise UsageError(f"argv is the string {argv!r}", remedy="give a list of words: ['python', 'bot.py']")
    return tuple(str(word) for word in argv)


def check_argv(argv: tuple[str, ...]) -> None:
    """Refuse a command without words, or with an empty program."""
    if not argv or not argv[0]:
        raise UsageError(f"argv is {list(argv)!r}", remedy="give the program and its arguments: ['python', 'bot.py']")
