"""How many commands the harness itself sent, by name: what a server counts of them is none of the code under test."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

SENT: Final[Counter[str]] = Counter()
"""By name in capitals, since this process started, to any server. Not exact under threads: only a change says much."""

_OF_LOOKING: Final = frozenset({"AUTH", "CLIENT", "CONFIG", "HELLO", "INFO", "PING", "ROLE", "SELECT", "SENTINEL"})


def sent(commands: Iterable[Iterable[Any]]) -> None:
    """Count commands that are about to be sent, but for those that only look."""
    for words in commands:
        first = next(iter(words), "")
        text = first.decode(errors="replace") if isinstance(first, bytes) else str(first)
        name = text.partition(" ")[0].upper()
        if name not in _OF_LOOKING:
            SENT[name] += 1
