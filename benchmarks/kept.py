"""What long commands have finished, kept by commit, so that a second call goes on where the first was ended."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from machine import changes

if TYPE_CHECKING:
    from pathlib import Path


class Kept:
    """What this commit's calls have finished: one JSON line each, written as it happens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        told = path.read_text() if path.exists() else ""
        whole, _, rest = told.rpartition("\n")
        self.lines = [json.loads(line) for line in whole.splitlines()]
        if rest:  # the last call was ended while it wrote this
            path.write_text(whole + "\n" if whole else "")

    def add(self, line: dict[str, object]) -> None:
        """One more."""
        self.lines.append(line)
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def of(self, part: str) -> list[dict[str, object]]:
        """The lines of a part."""
        return [line for line in self.lines if line["part"] == part]


def name_of(revision: str) -> str:
    """The name of a commit's file; with changes it is another one for each change."""
    names = [revision.removesuffix("-dirty") or "no-commit"]
    if changed := changes():
        names.append(hashlib.blake2b(changed, digest_size=4).hexdigest())
    return f"{'-'.join(names)}.jsonl"
