"""Settings from a URL, and from the environment."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.connections.addresses import Address

_SCHEMES: Final = ("redis", "rediss", "redis+sentinel", "rediss+sentinel")
_REMEDY: Final = "give redis://[user:password@]host:port/db, rediss://… or redis+sentinel://host:port,host:port/name/db"


def settings_of_url(url: str) -> Settings:
    """Of `redis://`, `rediss://` (TLS; `?ssl_ca_certs=` a file) or `redis+sentinel://h1:p1,h2:p2/name/db`.

    User and password in a Sentinel URL are those of the data nodes; `rediss+sentinel` speaks TLS to these, and plainly
    to the Sentinels. The URL is never shown in an error: it may hold a password.
    """
    split = urlsplit(url)
    if split.scheme not in _SCHEMES:
        raise MisuseError(f"a URL of scheme {split.scheme!r}", remedy=_REMEDY)
    who, _, where = split.netloc.rpartition("@")
    user, _, password = who.partition(":")
    path = [unquote(part) for part in split.path.split("/") if part]
    made = Settings(
        username=unquote(user) or None,
        password=unquote(password) or None,
        tls=split.scheme.startswith("rediss"),
        tls_ca_file=_query(split, "ssl_ca_certs"),
    )
    if not split.scheme.endswith("+sentinel"):
        made = replace(made, address=_address(where, 6379))
    else:
        name, *path = path or ["mymaster"]
        made = replace(made, sentinels=tuple(_address(one, 26379) for one in where.split(",")), master_name=name)
    if len(path) > 1:
        raise MisuseError("a URL with too long a path", remedy=_REMEDY)
    given = path[0] if path else _query(split, "db") or "0"
    return replace(made, db=_number("db", given))


def settings_of_env(env: Mapping[str, str] | None = None, *, default_port: int = 6379) -> Settings:
    """Of REDIS_URL, or REDIS_HOST (localhost), REDIS_PORT, REDIS_DB; `env` is the process's own if not given.

    REDIS_USERNAME, REDIS_PASSWORD, REDIS_CA_FILE (TLS), REDIS_MAX_CONNECTIONS, and REDIS_SENTINELS
    (`host:port,host:port`) with REDIS_SENTINEL_MASTER come on top of both.
    """
    env = os.environ if env is None else env
    if env.get("REDIS_URL"):
        made = settings_of_url(env["REDIS_URL"])
    else:
        port = _number("REDIS_PORT", env.get("REDIS_PORT") or str(default_port))
        made = Settings(
            address=(env.get("REDIS_HOST") or "localhost", port), db=_number("REDIS_DB", env.get("REDIS_DB") or "0")
        )
    if env.get("REDIS_SENTINELS"):
        known = tuple(_address(one.strip(), 26379) for one in env["REDIS_SENTINELS"].split(","))
        made = replace(made, sentinels=known, master_name=env.get("REDIS_SENTINEL_MASTER") or made.master_name)
    if env.get("REDIS_USERNAME"):
        made = replace(made, username=env["REDIS_USERNAME"])
    if env.get("REDIS_PASSWORD"):
        made = replace(made, password=env["REDIS_PASSWORD"])
    if env.get("REDIS_CA_FILE"):
        made = replace(made, tls=True, tls_ca_file=env["REDIS_CA_FILE"])
    if env.get("REDIS_MAX_CONNECTIONS"):
        made = replace(made, max_connections=_number("REDIS_MAX_CONNECTIONS", env["REDIS_MAX_CONNECTIONS"]))
    return made


def _query(split: SplitResult, name: str) -> str | None:
    found = parse_qs(split.query).get(name)
    return found[0] if found else None


def _address(text: str, default_port: int) -> Address:
    """`host:port`, `[::1]:port`, or a host alone."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    return host or "localhost", _number("port", port) if port else default_port


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise MisuseError(f"{name} is {text!r}", remedy="give a number")
    return int(text)
