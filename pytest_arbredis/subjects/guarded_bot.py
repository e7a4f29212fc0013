"""A bot behind a circuit breaker that tells nothing of itself: it is judged by what the servers saw of it.

    python -m pytest_arbredis.subjects.guarded_bot LIBRARY

Eight threads write every 25 ms through one client and one breaker, with the environment's REDIS_URL, until SIGTERM. A
connection begins with the command itself, without a handshake: on a slow link the command arrives all the same.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pytest_arbredis.subjects.behind_breaker import Moves, guarded
from pytest_arbredis.subjects.guards import GUARDS
from pytest_arbredis.subjects.unattended import BlackBox

if TYPE_CHECKING:
    from pytest_arbredis.subjects.behind_breaker import Guarded
    from pytest_arbredis.subjects.guards import Guard

THREADS, EVERY_S = 8, 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedBot(BlackBox):
    """The bot as a subject."""

    breaker: Guarded

    @property
    def name(self) -> str:
        """Library and version."""
        return self.breaker.name

    @property
    def absent(self) -> str:
        """Why it cannot be run here; empty if it can."""
        return self.breaker.absent


def guarded_bot(library: str, *, failures: int = 3, timeout_s: float = 0.4) -> GuardedBot:
    """A bot behind the breaker of `library`, for `workloads.none()`."""
    breaker = guarded(library, failures=failures, timeout_s=timeout_s)
    program = (sys.executable, "-m", __name__, library, str(failures), str(timeout_s))
    return GuardedBot(argv=program, breaker=breaker)


def write_for_ever(guard: Guard, client: Any, number: int) -> None:
    """One thread of the bot: whatever becomes of a write, the next one is due."""
    while True:
        with suppress(Exception):
            guard.call(lambda: client.set(f"bot:{number}", time.monotonic_ns()))
        time.sleep(EVERY_S)  # its pace


def main() -> None:
    """Write until ended."""
    library, failures, timeout_s = sys.argv[1:]
    guard = GUARDS[library](Moves(), guarded(library, failures=int(failures), timeout_s=float(timeout_s)))
    client = redis.Redis.from_url(
        os.environ["REDIS_URL"],
        socket_timeout=guarded(library).socket_timeout_s,
        retry=Retry(NoBackoff(), 0),
        redis_connect_func=lambda connection: connection._parser.on_connect(connection),  # noqa: SLF001 - no handshake
    )
    threads = [threading.Thread(target=write_for_ever, args=(guard, client, one)) for one in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
