"""The URL of servers that somebody else started: where they are, and how one is let in; never shown with a password."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote, urlsplit

from pytest_arbredis.errors import UsageError
from pytest_arbredis.servers.login import Login

if TYPE_CHECKING:
    from pytest_arbredis.topology.node import Address

SCHEMES: Final = {"redis": 6379, "rediss": 6379, "redis+sentinel": 26379, "rediss+sentinel": 26379}
"""Scheme → port where none is written."""
FORMS: Final = "use redis://host:port, rediss://host:port or redis+sentinel://host1:26379,host2:26379/name"
CONTROL_PORT: Final = 8474


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUrl:
    """Addresses of Redis servers, or of Sentinels and the name of what they watch; and how one is let in.

    `str()` is the URL without its password.
    """

    addresses: tuple[Address, ...]
    by_sentinel: bool = False
    master_name: str = ""
    """Empty: the only one that the Sentinels watch."""
    login: Login = field(default_factory=Login)
    sentinel_login: Login = field(default_factory=Login)

    def __str__(self) -> str:
        scheme = "rediss" if self.login.ca else "redis"
        who = f"{self.login.user or ''}:***@" if self.login.password is not None else ""
        hosts = ",".join(f"{_bracketed(host)}:{port}" for host, port in self.addresses)
        path = f"/{self.master_name}" if self.master_name else ""
        return f"{scheme}{'+sentinel' if self.by_sentinel else ''}://{who}{hosts}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """Which servers, which Toxiproxy before them, and whether what they hold may be destroyed."""

    where: ServerUrl
    control: Address | None = None
    allow_destructive: bool = False


def parse_url(url: str) -> ServerUrl:
    """What a URL says.

    `redis://[user:password@]host[:port][/0]`, `rediss://…[?ssl_ca_certs=PATH]`, or
    `redis+sentinel://[user:password@]host[:port],host[:port][/name][?sentinel_password=…&sentinel_username=…]`. Raises
    `UsageError`, in which no password stands.
    """
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme not in SCHEMES:
        known = scheme if separator else "(none)"
        raise UsageError(f"the URL of the servers has the scheme {known!r}", remedy=FORMS)
    by_sentinel = scheme.endswith("+sentinel")
    # Split by hand as far as the hosts: several, which no URL parser of the standard library takes.
    rest, _, query = rest.partition("?")
    hosts, _, path = rest.partition("/")
    who, _, hosts = hosts.rpartition("@")
    options = {name: values[-1] for name, values in parse_qs(query).items()}
    for name in options:
        if name not in {"ssl_ca_certs", "sentinel_password", "sentinel_username"}:
            known = "ssl_ca_certs, sentinel_password, sentinel_username"
            raise UsageError(f"the URL of the servers has the option {name!r}", remedy=f"it may have: {known}")
    addresses = tuple(_address(text, SCHEMES[scheme]) for text in hosts.split(",") if text)
    if not addresses or (len(addresses) > 1 and not by_sentinel):
        raise UsageError(f"the URL of the servers names {len(addresses)} hosts: {hosts!r}", remedy=FORMS)
    if not by_sentinel and path not in {"", "0"}:
        raise UsageError(f"the URL of the servers names the database {path!r}", remedy="drills use database 0: …/0")
    user, _, password = who.partition(":")
    ca = _authority(options.get("ssl_ca_certs")) if scheme.startswith("rediss") else None
    return ServerUrl(
        addresses=addresses,
        by_sentinel=by_sentinel,
        master_name=unquote(path) if by_sentinel else "",
        login=Login(user=unquote(user) or None, password=unquote(password) or None, ca=ca),
        sentinel_login=Login(user=options.get("sentinel_username"), password=options.get("sentinel_password"), ca=ca),
    )


def parse_control(url: str) -> Address:
    """The address of a Toxiproxy's control: `http://host:port`, or `host:port`."""
    text = url.strip().removeprefix("http://").rstrip("/")
    if not text or "://" in text or "/" in text or "@" in text:
        raise UsageError(f"the control {url!r} is no address of a Toxiproxy", remedy="use http://127.0.0.1:8474")
    return _address(text, CONTROL_PORT)


def _address(text: str, default: int) -> Address:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port or default
    except ValueError as error:
        raise UsageError(f"{text!r} is no address: {error}", remedy="use host:port") from error
    if not host:
        raise UsageError(f"{text!r} is no address", remedy="use host:port")
    return (host, port)


def _authority(given: str | None) -> Path:
    """The file of certificate authorities that a server's certificate is checked against."""
    found = given or ssl.get_default_verify_paths().cafile or ssl.get_default_verify_paths().openssl_cafile
    path = Path(found).expanduser().absolute()
    if not path.is_file():
        raise UsageError(f"there is no file of certificate authorities {str(path)!r}", remedy="give ?ssl_ca_certs=PATH")
    return path


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
