"""The journal: writes that Redis does not have yet, or may not have, in the order in which they were made.

It is bounded. Writes about the same thing become one entry as long as none of them was sent, so an outage costs one
for each statistic, metric and position, and one for each write that was under way when it began. A full journal refuses
what needs a new entry (`NotJournalledError`): nothing that was accepted is ever dropped for it.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from pytest_arbredis.state.errors import MisuseError, NotJournalledError
from pytest_arbredis.state.manager.entries import Addition, PositionWrite, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_arbredis.state.manager.entries import Entry, Instant

MOST_ENTRIES: Final = 10_000


class Keeps(Protocol):
    """Where a journal survives its process."""

    def put(self, *entries: Entry) -> None:
        """Keep them, durably, each in the place of an earlier one of its token. Raises `NotJournalledError`."""
        ...

    def done(self, token: str) -> None:
        """It is settled: it need not survive any longer. A repetition does no harm, so this need not be durable."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class Journal:
    """Not thread-safe: its manager holds a lock."""

    def __init__(self, *, most: int = MOST_ENTRIES, kept: Keeps | None = None, left: Iterable[Entry] = ()) -> None:
        if type(most) is not int or most < 1:
            raise MisuseError(f"a journal of {most!r} entries", remedy="give a whole number, 1 or more")
        self._most = most
        self._kept = kept
        self._entries: dict[str, Entry] = {entry.token: entry for entry in left}
        self._open: dict[tuple[str, str], str] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries.values()))

    def add(self, *entries: Entry) -> None:
        """Take them in, all or none, durably if the journal is kept. Raises `NotJournalledError`: then none was."""
        now: list[Entry] = []
        for entry in entries:
            token = None if entry.sent else self._open.get(entry.about)
            now.append(entry if token is None else joined(self._entries[token], entry))
        more = sum(entry.token not in self._entries for entry in now)
        if len(self._entries) + more > self._most:
            raise NotJournalledError(
                f"Redis does not serve, and the journal is full: it has {len(self._entries)} entries",
                remedy="see that Redis comes back, or give the manager a longer journal",
                applied="unknown" if any(entry.sent for entry in entries) else "no",
            )
        if self._kept is not None:
            self._kept.put(*now)
        for entry in now:
            self._entries[entry.token] = entry
            if entry.sent:  # what comes after it must not join what came before it
                self._open.pop(entry.about, None)
            else:
                self._open[entry.about] = entry.token

    def next(self, now: Instant) -> Entry | None:
        """The oldest entry, from now on marked as sent; None if there is none.

        An addition that was never sent before is as old as its token in Redis will be: it counts from `now`.
        """
        for token, entry in self._entries.items():
            if self._open.get(entry.about) == token:
                del self._open[entry.about]
            if not entry.sent:
                at = now if isinstance(entry, Addition) else entry.at
                self._entries[token] = replace(entry, sent=True, at=at)
            return self._entries[token]
        return None

    def done(self, token: str) -> None:
        """It is settled."""
        if self._entries.pop(token, None) is not None and self._kept is not None:
            self._kept.done(token)

    def rebase(self, applied: PositionWrite, version: int) -> None:
        """What a process wrote over a position that it had itself written is over its `version` now.

        That is kept too: else a process that dies now would leave a conflict with itself.
        """
        rebased: list[Entry] = []
        writer = applied.token.rpartition("-")[0]
        for token, entry in self._entries.items():
            own = token != applied.token and token.rpartition("-")[0] == writer
            if own and isinstance(entry, PositionWrite) and entry.about == applied.about:
                rebased.append(replace(entry, over=version, resolves=()))
        self._entries.update({entry.token: entry for entry in rebased})
        if rebased and self._kept is not None:
            with contextlib.suppress(NotJournalledError):  # a full disk: nothing is lost by it
                self._kept.put(*rebased)

    def about(self, kind: str) -> Iterator[Entry]:
        """The entries of one kind (`stat`, `metric`, `position`), oldest first."""
        return (entry for entry in self._entries.values() if entry.about[0] == kind)

    def close(self) -> None:
        """Give back what it holds; what it has stays on its file."""
        if self._kept is not None:
            self._kept.close()
