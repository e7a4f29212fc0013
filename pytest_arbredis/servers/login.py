"""Who one is to a Redis: user, password, and the certificate authority that its own certificate is checked against."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from pathlib import Path

HARNESS_USER: Final = "arbredis-harness"
"""The user of the harness, its Sentinels and its replicas, where a password or an ACL is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a client needs to be let in; the password is never shown. Without values: whoever connects."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None

    def options(self) -> dict[str, str | bool]:
        """Keyword arguments of `redis.Redis`, `redis.asyncio.Redis` and their pools."""
        given: dict[str, str | bool] = {}
        if self.user is not None:
            given["username"] = self.user
        if self.password is not None:
            given["password"] = self.password
        if self.ca is not None:
            given |= {"ssl": True, "ssl_ca_certs": str(self.ca), "ssl_check_hostname": True}
        return given

    def url(self, address: tuple[str, int], *, db: int = 0) -> str:
        """`redis[s]://[user:password@]host:port/db`, with what a client of TLS must know as its query."""
        who = ""
        if self.password is not None:
            who = f"{quote(self.user or '', safe='')}:{quote(self.password, safe='')}@"
        at = f"{who}{address[0]}:{address[1]}/{db}"
        return f"redis://{at}" if self.ca is None else f"rediss://{at}?ssl_ca_certs={quote(str(self.ca), safe='/')}"

    def plain(self) -> Login:
        """The same, past TLS: every server has a plain port of its own for the harness."""
        return Login(user=self.user, password=self.password)


def harness_login() -> Login:
    """The harness's own user, with a random password."""
    return Login(user=HARNESS_USER, password=secrets.token_hex(24))


def acl_line(login: Login) -> str:
    """The line of an ACL file, or of redis.conf, that lets this user do everything; it holds a digest only."""
    digest = hashlib.sha256((login.password or "").encode()).hexdigest()
    return f"user {login.user} on #{digest} ~* &* +@all"
