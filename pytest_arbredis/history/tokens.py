"""What a recorder gives for something that began, and takes back when it ends."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_arbredis.history.layout import INVOKED_AT

if TYPE_CHECKING:
    import mmap


class OpToken:
    """An operation in flight."""

    __slots__ = ("at", "id", "map")  # set by `Recorder.begin`: a constructor would cost a tenth of it

    id: int
    """The id of the operation."""
    at: int
    map: mmap.mmap

    @property
    def invoked_ns(self) -> int:
        """When it was invoked."""
        return int.from_bytes(self.map[self.at + INVOKED_AT : self.at + INVOKED_AT + 8], sys.byteorder)


class FaultToken:
    """A fault in force, and its line as it was last recorded."""

    __slots__ = ("line",)

    def __init__(self, line: dict[str, Any]) -> None:
        self.line = line

    @property
    def id(self) -> int:
        """The id of the fault."""
        return int(self.line["id"])
