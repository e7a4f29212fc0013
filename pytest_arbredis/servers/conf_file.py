"""Reading a redis.conf, a sentinel.conf or an ACL file that somebody wrote for other machines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pytest_arbredis.errors import UsageError
from pytest_arbredis.servers.login import HARNESS_USER
from pytest_arbredis.servers.redis import OWNED, WORDY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEFT_OUT: Final = (
    (OWNED - {"include", "cluster-enabled"})
    | {"protected-mode", "unixsocket", "unixsocketperm", "masterauth", "masteruser", "aclfile"}
    | {"tls-cert-file", "tls-key-file", "tls-ca-cert-file", "tls-ca-cert-dir", "tls-replication", "tls-key-file-pass"}
)
"""Where the server of a file listens, whom it follows and what files it has: of no meaning on this machine."""
ITS_OWN: Final = frozenset(
    (
        *("myid", "announce-ip", "announce-port", "auth-pass", "auth-user"),
        *("current-epoch", "config-epoch", "leader-epoch", "known-replica", "known-sentinel", "known-slave"),
    )
)
"""What a Sentinel wrote itself, and where and who it was."""
WORD: Final = re.compile(r'"((?:[^"\\]|\\.)*)"(?=\s|$)|\'((?:[^\'\\]|\\\')*)\'(?=\s|$)|([^\s"\']\S*)')
ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}

Pairs = tuple[tuple[str, str], ...]


def read_text(path: Path, *, noun: str) -> str:
    """The text of a file that was named in a topology."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the {noun} {path} cannot be read: {error}", remedy="give the path of a text file") from error


def directives(path: Path) -> Pairs:
    """The directives of a redis.conf, but for those that say where its own server listens and whom it follows."""
    found: list[tuple[str, str]] = []
    for number, line in _lines(path, noun="redis.conf"):
        name, _, rest = line.partition(" ")
        name, rest = name.lower(), rest.strip()
        if name in LEFT_OUT or (name == "cluster-enabled" and rest == "no"):
            continue
        words = split(rest, where=f"{path}:{number}")
        found.append((name, rest if name in WORDY else " ".join(words)))
    return tuple(found)


def sentinel_directives(path: Path) -> Pairs:
    """The settings of the first primary that a sentinel.conf monitors, and its global ones."""
    found: dict[str, str] = {}
    watched = ""
    for number, line in _lines(path, noun="sentinel.conf"):
        words = split(line, where=f"{path}:{number}")
        if words[0].lower() != "sentinel":
            if words[0].lower() not in LEFT_OUT:
                found[words[0].lower()] = " ".join(words[1:])
            continue
        if len(words) < 3:
            raise UsageError(f"{path}:{number}: {line!r} is not complete", remedy="give it its value")
        name = words[1].lower()
        if name == "monitor":
            watched = watched or words[2]
            if words[2] == watched and len(words) > 5:
                found["quorum"] = words[5]
        elif name in ITS_OWN:
            continue
        elif len(words) == 3:
            found[name] = words[2]
        elif words[2] == (watched or words[2]):
            found[name] = " ".join(words[3:])
    return tuple(sorted(found.items()))


def acl_users(path: Path) -> tuple[str, ...]:
    """The lines of an ACL file, each of which defines a user other than the harness's own."""
    lines = []
    for number, line in _lines(path, noun="ACL file"):
        words = line.split()
        if words[0] != "user" or len(words) < 2:
            raise UsageError(f"{path}:{number}: {line!r} defines no user", remedy="write lines `user NAME RULE…`")
        if words[1] == HARNESS_USER:
            raise UsageError(f"{path}:{number}: the user {HARNESS_USER} is the harness's own", remedy="rename yours")
        lines.append(line)
    return tuple(lines)


def split(text: str, *, where: str) -> list[str]:
    """The arguments of a configuration line, unquoted as Redis does it."""
    words: list[str] = []
    rest = text.strip()
    while rest:
        match = WORD.match(rest)
        if match is None:
            raise UsageError(f"{where}: quotes that do not close in {text!r}", remedy="close them")
        double, single, bare = match.groups()
        if double is not None:
            words.append(re.sub(r"\\(x[0-9a-fA-F]{2}|.)", _unescaped, double))
        else:
            words.append(bare if single is None else single.replace("\\'", "'"))
        rest = rest[match.end() :].lstrip()
    return words


def _unescaped(match: re.Match[str]) -> str:
    what = match[1]
    return chr(int(what[1:], 16)) if len(what) > 1 else ESCAPES.get(what, what)


def _lines(path: Path, *, noun: str) -> Iterator[tuple[int, str]]:
    """Number and text of every line that says something."""
    for number, line in enumerate(read_text(path, noun=noun).splitlines(), 1):
        if (text := line.strip()) and not text.startswith("#"):
            yield number, text
