"""A bot as it is, that works by itself: no operations of ours; what the servers saw and keep is judged."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_arbredis.errors import UsageError
from pytest_arbredis.subjects.json_lines import check_argv, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Answer, Endpoints, Invocation

ENDS_WITHIN_S: Final = 3.0
"""After SIGTERM a bot has this long to end by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlackBox:
    """A program, started once, with the topology's environment; it goes on until the load ends, then gets SIGTERM."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    cwd: Path | None = None
    follows_primary: bool = False
    operations: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse what could only fail later."""
        check_argv(self.argv)

    @property
    def name(self) -> str:
        """`black box ./bot`."""
        return "black box " + " ".join(self.argv)

    def open(self, endpoints: Endpoints) -> BlackBoxSession:
        """The running program."""
        return BlackBoxSession(self, endpoints)


class BlackBoxSession:
    """The program, watched. Implements `Session`, but for operations, and `Reports`."""

    def __init__(self, subject: BlackBox, endpoints: Endpoints) -> None:
        from pytest_arbredis.subjects.bot import Bot

        self._remarks: list[dict[str, Json]] = []
        self._note: Callable[[dict[str, Json]], None] = self._remarks.append
        self._lock = threading.Lock()
        env = {**endpoints.env, **dict(subject.env)}
        self._bot = Bot(subject.argv, env=env, cwd=subject.cwd, died=self._tell, asked=False)

    def report_to(self, note: Callable[[dict[str, Json]], None]) -> None:
        """Tell from now on when the program dies."""
        with self._lock:
            self._note = note
            for remark in self._remarks:
                note(remark)

    def apply(self, op: Invocation) -> Answer:
        """Nobody asks a black box."""
        raise UsageError(f"a black box is asked to {op.name}", remedy="use workloads.none(), or subjects.process")

    def close(self) -> None:
        """End it: SIGTERM, and SIGKILL if that is not enough."""
        self._bot.close(grace_s=ENDS_WITHIN_S, number=signal.SIGTERM)

    def _tell(self, remark: dict[str, Json]) -> None:
        with self._lock:
            self._note(remark)


def black_box(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    follow_primary: bool = False,
) -> BlackBox:
    """A program that works by itself, for `workloads.none()`.

    `follow_primary` gives it, as REDIS_URL and REDIS_HOST, one address that leads to whoever is primary.
    """
    return BlackBox(
        argv=words_of(argv),
        env=tuple(sorted((env or {}).items())),
        cwd=None if cwd is None else Path(cwd),
        follows_primary=follow_primary,
    )
