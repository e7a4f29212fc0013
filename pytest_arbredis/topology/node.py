"""One server of a deployment: its two addresses, its process, and what it says of itself when asked directly."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pytest_arbredis._dials import harness_dials

if TYPE_CHECKING:
    from collections.abc import Mapping

    import redis

    from pytest_arbredis.servers.launcher import Server

Address = tuple[str, int]
HARNESS_CLIENT = "arbredis-harness"
"""CLIENT SETNAME of every connection of the harness, so that it is never taken for the code under test."""


def harness_client(address: Address, *, timeout_s: float = 1.0, text: bool = True) -> redis.Redis:
    """A client of the harness's own: RESP2, short deadline, no retries, named."""
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
    )
    client.connection_pool.connection_class = _own_connection()
    return client


@functools.cache
def _own_connection() -> type[redis.Connection]:
    """A connection that is not taken for one of the code under test."""
    import redis

    class OwnConnection(redis.Connection):
        def _connect(self) -> Any:
            with harness_dials():
                return super()._connect()  # type: ignore[no-untyped-call]

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
    """A server under its name (n0, n1, … or s0, s1, …), reached directly or through its announced proxy."""

    name: str
    server: Server
    direct: Address
    proxied: Address
    baseline: dict[str, str] = field(default_factory=dict)
    conf_text: str = ""

    @cached_property
    def client(self) -> redis.Redis:
        """The harness's direct client."""
        return harness_client(self.direct)

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
