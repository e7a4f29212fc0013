"""The last lines that a program wrote, read in a thread of their own so that its pipe never fills."""

from __future__ import annotations

import re
import threading
from collections import deque
from typing import IO, Final

KEPT_LINES: Final = 10
KEPT_CHARACTERS: Final = 200
_CHUNK: Final = 65536
_PASSWORD: Final = re.compile(r"(://[^/\s:@]*:)[^@\s/]+@")


class LastLines:
    """Reads `pipe` to its end; `lines` are its last ones, shortened, without control characters and passwords."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._rest = b""
        self._thread = threading.Thread(target=self._read, name="arbredis-last-lines", daemon=True)
        self._thread.start()

    def lines(self, *, within_s: float = 0.0) -> list[str]:
        """The last lines, once the pipe has ended or `within_s` seconds have passed."""
        self._thread.join(within_s)
        return [*self._lines, *([shown(self._rest)] if self._rest.strip() else [])][-KEPT_LINES:]

    def _read(self) -> None:
        try:
            while chunk := self._pipe.read(_CHUNK):
                *whole, rest = (self._rest + chunk).split(b"\n")
                self._lines.extend(shown(line) for line in whole if line.strip())
                self._rest = rest[-_CHUNK:]
        except (OSError, ValueError):  # closed by its owner
            return


def shown(line: bytes) -> str:
    """One line of a program as a message can show it."""
    text = _PASSWORD.sub(r"\1***@", line.decode(errors="backslashreplace").strip())
    printable = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
    return printable if len(printable) <= KEPT_CHARACTERS else printable[: KEPT_CHARACTERS - 1] + "…"
