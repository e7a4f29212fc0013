"""One server of a deployment: its two addresses, its process, and what it says of itself when asked directly."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pytest_arbredis._dials import harness_dials
from pytest_arbredis.servers.login import Login
from pytest_arbredis.topology.own_commands import sent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import redis

    from pytest_arbredis.servers.launcher import Server
    from pytest_arbredis.topology.fingerprint import Fingerprint

Address = tuple[str, int]
HARNESS_CLIENT = "arbredis-harness"
"""CLIENT SETNAME of every connection of the harness, so that it is never taken for the code under test."""


def harness_client(
    address: Address, *, timeout_s: float = 1.0, text: bool = True, login: Login | None = None
) -> redis.Redis:
    """A client of the harness's own: RESP2, short deadline, no retries, named.

    To a node of a deployment use `Node.connect` or `Node.connect_through`, which know how to get in.
    """
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    client = redis.Redis(
        host=address[0],
        port=address[1],
        protocol=2,
        decode_responses=text,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        client_name=HARNESS_CLIENT,
        **cast("Any", {} if login is None else login.options()),
    )
    client.connection_pool.connection_class = _own_connection(secure=login is not None and login.ca is not None)
    for name, parse in [*client.response_callbacks.items()]:
        if name.startswith("SENTINEL "):  # redis-py 6.4 hands its own options to parsers that know none
            client.set_response_callback(name, functools.partial(_parsed, parse))
    return client


def _parsed(parse: Callable[[Any], Any], response: Any, **_: object) -> Any:
    """A reply as `parse` gives it."""
    return parse(response)


@functools.cache
def _own_connection(*, secure: bool) -> type[redis.Connection]:
    """A connection that is not taken for one of the code under test."""
    import redis

    parent: Any = redis.SSLConnection if secure else redis.Connection

    class OwnConnection(parent):  # type: ignore[misc]
        def _connect(self) -> Any:
            with harness_dials():
                return super()._connect()

        def send_command(self, *args: Any, **kwargs: Any) -> Any:
            sent([args])
            return super().send_command(*args, **kwargs)

        def pack_commands(self, commands: Any) -> Any:
            several = [*commands]
            sent(several)
            return super().pack_commands(several)

    return OwnConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What ROLE answers: `master` or `slave`, the offset, and for a replica its link."""

    role: Literal["master", "slave", "sentinel"]
    offset: int = 0
    primary: Address | None = None
    link: str = ""


@dataclass(eq=False)
class Node:
    """A server under its name (n0, n1, … or s0, s1, …), reached directly or through its announced proxy.

    `direct` never speaks TLS; `secure` is where it does, if it does, and then the proxy leads there. `login` is the
    harness's. `start`, `conf_text` and `acl_text` are what it was like, and its files, at the start.
    """

    name: str
    server: Server
    direct: Address
    proxied: Address
    baseline: dict[str, str] = field(default_factory=dict)
    conf_text: str = ""
    acl_text: str = ""
    secure: Address | None = None
    login: Login = field(default_factory=Login)
    start: Fingerprint | None = None

    @cached_property
    def client(self) -> redis.Redis:
        """The harness's direct client."""
        return self.connect()

    @property
    def upstream(self) -> Address:
        """Where its proxy leads."""
        return self.direct if self.secure is None else self.secure

    @property
    def direct_login(self) -> Login:
        """The harness's login past the proxy, where no TLS is spoken if there is a second port for it."""
        return self.login if self.secure is None else self.login.plain()

    def connect(self, *, timeout_s: float = 1.0, text: bool = True) -> redis.Redis:
        """A further direct client of the harness's own."""
        return harness_client(self.direct, timeout_s=timeout_s, text=text, login=self.direct_login)

    def connect_through(self, *, timeout_s: float = 1.0, text: bool = True) -> redis.Redis:
        """A client of the harness's own through the announced proxy."""
        return harness_client(self.proxied, timeout_s=timeout_s, text=text, login=self.login)

    @property
    def is_running(self) -> bool:
        """The process or container lives (it may be stopped by SIGSTOP)."""
        return self.server.exit_status() is None

    @property
    def may_be_stopped(self) -> bool:
        """Whether SIGSTOP may have stopped its process; True where the process table does not tell."""
        try:
            stat = Path(f"/proc/{self.server.pid}/stat").read_text(errors="replace")
        except OSError:
            return True
        return stat.rpartition(")")[2].split()[0] in {"T", "t"}

    def role(self) -> Role | None:
        """ROLE, asked directly; None if it does not answer."""
        import redis

        try:
            answer = cast("list[Any]", self.client.execute_command("ROLE"))
        except redis.RedisError:
            return None
        if answer[0] == "master":
            return Role(role="master", offset=int(answer[1]))
        if answer[0] == "slave":
            primary = (str(answer[1]), int(answer[2]))
            return Role(role="slave", primary=primary, link=str(answer[3]), offset=int(answer[4]))
        return Role(role="sentinel")

    def replication(self) -> Mapping[str, Any] | None:
        """INFO replication, asked directly; None if it does not answer."""
        import redis

        try:
            return cast("Mapping[str, Any]", self.client.info("replication"))
        except redis.RedisError:
            return None

    def close(self) -> None:
        """Give back the client's connections."""
        if "client" in self.__dict__:
            self.client.close()

    def __repr__(self) -> str:
        return f"<{self.name} {self.direct[0]}:{self.direct[1]} behind {self.proxied[0]}:{self.proxied[1]}>"
