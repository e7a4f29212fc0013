"""A journal on a file: what was accepted while Redis was away survives the process, and the machine's power."""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from pytest_arbredis.state.errors import CorruptedError, MisuseError, NotJournalledError
from pytest_arbredis.state.manager.entries import Addition, Gauge, Instant, PositionWrite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.manager.entries import Entry

FORMAT: Final = "arbredis-journal"
VERSION: Final = 1
KINDS: Final[Mapping[str, type[Addition | Gauge | PositionWrite]]] = {
    "stat": Addition,
    "metric": Gauge,
    "position": PositionWrite,
}
COMPACT_AT_BYTES: Final = 4 * 2**20
"""A file that has grown to this, and to four times what it was when it was last written anew, is written anew."""


class JournalFile:
    """Lines of JSON, one manager's alone: an entry (fsynced before it is accepted), or the token of a settled one.

    A line that was cut short by a crash had not been accepted, and is dropped. `left` are the entries that an earlier
    process left: Redis may have got each of them. The fsync blocks its caller, an event loop too.
    """

    def __init__(self, path: str | Path, *, whose: str, compact_at_bytes: int = COMPACT_AT_BYTES) -> None:
        self._path = Path(path)
        self._whose = whose
        self._compact_at_bytes = compact_at_bytes
        self._pid = os.getpid()
        self._file = self._opened(self._path)
        try:
            self._live = self._read()
            self._write_anew()
        except BaseException:
            self.close()
            raise
        self.left: tuple[Entry, ...] = tuple(self._live.values())

    def put(self, *entries: Entry) -> None:
        """As `Keeps.put`."""
        if not self._is_mine:
            raise NotJournalledError(
                f"Redis does not serve, and the journal {self._path} is the parent's of this process",
                remedy="make a manager after the fork, with a file of its own",
                applied="unknown" if any(entry.sent for entry in entries) else "no",
            )
        try:
            if os.fstat(self._file).st_size > max(self._compact_at_bytes, 4 * self._size_anew):
                self._write_anew()
            self._append(*map(_said, entries))
        except OSError as error:
            raise NotJournalledError(
                f"Redis does not serve, and the journal {self._path} cannot be written: {error}",
                remedy="make room for it",
                applied="unknown" if any(entry.sent for entry in entries) else "no",
            ) from error
        self._live.update({entry.token: entry for entry in entries})

    def done(self, token: str) -> None:
        """As `Keeps.done`."""
        if not self._is_mine:
            return
        self._live.pop(token, None)
        with contextlib.suppress(OSError):  # it would be asked about once more, which does no harm
            if self._live:
                self._append({"done": token}, durable=False)
            else:
                self._write_anew()

    def close(self) -> None:
        """As `Keeps.close`."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    @property
    def _is_mine(self) -> bool:
        """Whether this process opened it: a forked child shares the file, and would pull it from under its parent."""
        return os.getpid() == self._pid

    def _opened(self, path: Path) -> int:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise MisuseError(
                f"the journal {path} cannot be opened: {error}",
                remedy="name a file that can be written, in a folder that is there",
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            raise MisuseError(
                f"the journal {path} is another manager's", remedy="give each manager a file of its own"
            ) from error
        return file

    def _append(self, *said: dict[str, object], durable: bool = True) -> None:
        """Lines, or nothing of them: half a line would make the next one unreadable."""
        before = os.fstat(self._file).st_size
        lines = b"".join(orjson.dumps(one) + b"\n" for one in said)
        try:
            _write(self._file, lines)
            if durable:
                os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, before)
            raise

    def _write_anew(self) -> None:
        """Only what is live, in a new file that takes the old one's place: a crash leaves one or the other."""
        beside = self._path.with_name(f"{self._path.name}.new")
        beside.unlink(missing_ok=True)
        file = self._opened(beside)
        try:
            lines = [orjson.dumps({"format": FORMAT, "version": VERSION, "whose": self._whose})]
            lines += [orjson.dumps(_said(entry)) for entry in self._live.values()]
            whole = b"\n".join([*lines, b""])
            _write(file, whole)
            os.fsync(file)
            beside.replace(self._path)
            _sync_folder(self._path.parent)
        except BaseException:
            os.close(file)
            raise
        os.close(self._file)
        self._file, self._size_anew = file, len(whole)

    def _read(self) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for number, line in enumerate(self._path.read_bytes().split(b"\n")[:-1], start=1):
            try:
                said = orjson.loads(line)
                if number == 1:
                    self._require_mine(said)
                elif "done" in said:
                    entries.pop(said["done"], None)
                else:
                    entry = _entry(said)
                    entries[entry.token] = entry
            except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
                raise CorruptedError(
                    f"line {number} of the journal {self._path} cannot be read: {error}",
                    remedy="put the file aside, and look at it: it has writes that Redis may not have",
                ) from error
        return entries

    def _require_mine(self, said: dict[str, Any]) -> None:
        if (said["format"], said["version"], said["whose"]) != (FORMAT, VERSION, self._whose):
            raise MisuseError(
                f"the journal {self._path} is of {said['whose']!r}, and not of {self._whose!r}",
                remedy="give each namespace a file of its own",
            )


def _write(file: int, data: bytes) -> None:
    if os.write(file, data) != len(data):
        raise OSError("only a part was written")


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _said(entry: Entry) -> dict[str, object]:
    return {"put": entry.about[0], "entry": asdict(entry)}


def _entry(said: dict[str, Any]) -> Entry:
    values = dict(said["entry"])
    values["at"] = Instant(**values["at"])
    values["sent"] = True
    if "resolves" in values:
        values["resolves"] = tuple(values["resolves"])
    return KINDS[said["put"]](**values)
