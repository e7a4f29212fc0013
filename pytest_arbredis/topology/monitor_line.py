"""A line of MONITOR: `+1339518083.107412 [0 127.0.0.1:60866] "set" "key" "value"`, parsed, and made fit to be kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MOST_WORDS: Final = 8
LONGEST_WORD: Final = 80
REDACTED: Final = "(redacted)"

_LINE: Final = re.compile(rb"\+\d+\.\d+ \[\d+ ([^\]]*)\] (.*)", re.DOTALL)
_WORD: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_SHORT: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}
_SECRET_FROM: Final = {"AUTH": 1, "CONFIG SET": 3, "ACL SETUSER": 3, "SENTINEL SET": 4}
"""The first word that may be a secret."""
_SECRET_SETTINGS: Final = re.compile(r"pass|auth", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One command as a server saw it; the first word in capitals."""

    client: str
    words: tuple[str, ...]

    @property
    def names_itself(self) -> str | None:
        """The name that the client gives itself by this command, if it does."""
        words = [word.upper() for word in self.words[:2]]
        if words == ["CLIENT", "SETNAME"] and len(self.words) == 3:
            return self.words[2]
        if words[:1] == ["HELLO"]:
            upper = [word.upper() for word in self.words]
            if "SETNAME" in upper[:-1]:
                return self.words[upper.index("SETNAME") + 1]
        return None

    @property
    def of_replication(self) -> bool:
        """Whether it is a replica's or a primary's, or Sentinel's greeting."""
        return self.words[0] in {"REPLCONF", "PSYNC", "SYNC"} or (
            self.words[0] == "PUBLISH" and self.words[1:2] == ("__sentinel__:hello",)
        )


def parsed(line: bytes) -> Seen | None:
    """The command of a line; None for what is none, such as `+OK`."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    words = [_ESCAPE.sub(_unescaped, word).decode(errors="backslashreplace") for word in _WORD.findall(match[2])]
    if not words:
        return None
    return Seen(client=match[1].decode(errors="backslashreplace"), words=(words[0].upper(), *words[1:]))


def refused(line: bytes) -> bool:
    """Whether it says that MONITOR is not permitted, or not known; CLIENT SETNAME may be refused without harm."""
    lower = line.lower()
    return lower.startswith((b"-noperm", b"-err unknown command")) and b"monitor" in lower


def recordable(words: tuple[str, ...]) -> tuple[str, ...]:
    """The first words of a command, shortened, without passwords."""
    shown = [word if len(word) <= LONGEST_WORD else word[: LONGEST_WORD - 1] + "…" for word in words[:MOST_WORDS]]
    name = words[0] if words[0] in _SECRET_FROM else " ".join(word.upper() for word in words[:2])
    secret_from = _SECRET_FROM.get(name, len(shown))
    if name == "CONFIG SET" and not any(_SECRET_SETTINGS.search(word) for word in words[2::2]):
        secret_from = len(shown)
    upper = [word.upper() for word in words]
    if words[0] in {"HELLO", "MIGRATE"}:
        secret_from = min((upper.index(word) + 1 for word in ("AUTH", "AUTH2") if word in upper), default=secret_from)
    shown[secret_from:] = [REDACTED] * len(shown[secret_from:])
    return (*shown, "…") if len(words) > MOST_WORDS else tuple(shown)


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code[1:], 16)]) if code[:1] == b"x" and len(code) == 3 else _SHORT.get(code, code)
