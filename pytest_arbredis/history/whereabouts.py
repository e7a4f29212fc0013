"""Where a history lies: `history.jsonl` once it is closed, and a recording beside that name until then."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

HISTORY: Final = "history.jsonl"
SUFFIX: Final = ".arbrec"


def recording_of(path: Path) -> Path:
    """The recording of the history `path`: `history.arbrec` of `history.jsonl`."""
    return path.with_suffix(SUFFIX)


def joined_recording(recording: Path, number: int) -> Path:
    """The file of the nth process that joined a recording."""
    return recording.with_name(f"{recording.name}.{number}")


def joined_recordings(recording: Path) -> tuple[Path, ...]:
    """The files of all processes that joined a recording."""
    name = re.compile(re.escape(recording.name) + r"\.\d+")
    try:
        with os.scandir(recording.parent) as entries:
            names = sorted(entry.name for entry in entries if name.fullmatch(entry.name))
    except OSError:
        return ()
    return tuple(map(recording.with_name, names))


def located(path: Path) -> Path:
    """What to read for `path`: a run's folder, a history, or a recording that was never closed.

    A closed history comes before a recording of it: that one is about to be removed. Gives a path that may not exist.
    """
    if path.is_dir():
        path /= HISTORY
    if path.suffix != SUFFIX and not path.exists():
        recording = recording_of(path)
        if recording.exists():
            return recording
    return path
