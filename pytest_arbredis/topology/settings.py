"""What a topology may be given, turned into hashable values: mappings or files, paths, functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_arbredis.errors import UsageError
from pytest_arbredis.servers.certificates import TlsFiles, check
from pytest_arbredis.servers.conf_file import Pairs, directives, sentinel_directives
from pytest_arbredis.servers.redis import checked

if TYPE_CHECKING:
    import redis

__all__ = ["Pairs", "conf_of", "load_of", "path_of", "sentinel_conf_of", "tls_of"]

ELSEWHERE: Final = {
    "masterauth": "password=, which replicas and Sentinels are told as well",
    "masteruser": "password= or acl=, for which the harness makes a user of its own",
    "user": "acl=, the path of an ACL file",
    "aclfile": "acl=, the path of an ACL file",
    "tls-cert-file": "tls=True, or tls={'cert': …, 'key': …, 'ca': …}",
    "tls-key-file": "tls=True, or tls={'cert': …, 'key': …, 'ca': …}",
    "tls-ca-cert-file": "tls=True, or tls={'cert': …, 'key': …, 'ca': …}",
    "tls-replication": "tls=True",
}
"""Directives that are given as a setting of the topology, because more than redis.conf depends on them."""

NUMBERS: Final = ("down-after-milliseconds", "failover-timeout", "parallel-syncs", "quorum")
"""Settings of a Sentinel for its primary, by SENTINEL SET."""


def conf_of(given: object) -> tuple[Pairs, str | None]:
    """Directives of a mapping or of a redis.conf, sorted by name, and the password that `requirepass` gives."""
    if given is None:
        return (), None
    if isinstance(given, Mapping):
        pairs: Pairs = tuple((str(name).lower(), str(value)) for name, value in given.items())
    elif isinstance(given, str | Path):
        pairs = directives(path_of(given, noun="redis.conf"))
    else:
        raise UsageError(f"conf={given!r}", remedy="give {'appendonly': 'yes'}, or the path of a redis.conf")
    for name, value in pairs:
        if name in ELSEWHERE:
            raise UsageError(f"{name} is not given by conf=", remedy=f"use {ELSEWHERE[name]}")
        checked(name, value)
    password = next((value for name, value in pairs if name == "requirepass" and value), None)
    kept = [pair for pair in pairs if pair[0] != "requirepass"]
    return tuple(sorted(kept, key=lambda pair: pair[0])), password


def sentinel_conf_of(given: object) -> Pairs:
    """Settings of a mapping or of a sentinel.conf, sorted by name, without that of a primary's name."""
    if given is None:
        return ()
    if isinstance(given, Mapping):
        pairs: Pairs = tuple(sorted((str(name).lower(), str(value)) for name, value in given.items()))
    elif isinstance(given, str | Path):
        pairs = sentinel_directives(path_of(given, noun="sentinel.conf"))
    else:
        raise UsageError(
            f"sentinel_conf={given!r}", remedy="give {'down-after-milliseconds': '800'}, or the path of a sentinel.conf"
        )
    for name, value in pairs:
        if name in NUMBERS and not (value.isdecimal() and int(value) > 0):
            raise UsageError(f"sentinel_conf: {name} is {value!r}", remedy="give a whole number above 0")
        if name in {"requirepass", "sentinel-pass", "sentinel-user", "auth-pass", "auth-user", "user"}:
            raise UsageError(
                f"sentinel_conf: {name} belongs to the harness", remedy="leave it out; Sentinels are open here"
            )
        checked(name, value)
    return pairs


def path_of(given: object, *, noun: str) -> Path:
    """The absolute path of a file that is there."""
    if not isinstance(given, str | Path):
        raise UsageError(f"{given!r} is no path of a {noun}", remedy="give a text or a pathlib.Path")
    path = Path(given).expanduser().absolute()
    if not path.is_file():
        raise UsageError(f"there is no {noun} {str(path)!r}", remedy="give the path of a file")
    return path


def load_of(given: object) -> Callable[[redis.Redis], object] | Path | None:
    """A function of a client as it is, or the path of an RDB file."""
    if given is None or (callable(given) and not isinstance(given, type)):
        return given
    if not isinstance(given, str | Path):
        raise UsageError(f"load={given!r}", remedy="give a function of a redis.Redis, or the path of a dump.rdb")
    path = path_of(given, noun="RDB file")
    with path.open("rb") as dump:
        if not dump.read(5).startswith((b"REDIS", b"VALKE")):
            raise UsageError(f"{str(path)!r} is no RDB file", remedy="give a dump.rdb as SAVE writes it")
    return path


def tls_of(given: object) -> bool | TlsFiles:
    """True for certificates of our own making, or somebody's own that fit."""
    if isinstance(given, bool):
        return given
    if isinstance(given, Mapping):
        if set(given) != {"cert", "key", "ca"}:
            raise UsageError(f"tls={dict(given)!r}", remedy="give the paths of 'cert', 'key' and 'ca', or True")
        given = TlsFiles(**{name: path_of(value, noun="TLS file") for name, value in given.items()})
    if not isinstance(given, TlsFiles):
        raise UsageError(f"tls={given!r}", remedy="give True, or the paths of 'cert', 'key' and 'ca'")
    check(given)
    return given
