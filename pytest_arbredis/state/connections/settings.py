"""Where Redis is, and how it is talked to: a frozen value."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from pytest_arbredis.state.breaker.policy import BreakerPolicy
from pytest_arbredis.state.connections.addresses import Address as Address  # noqa: PLC0414, TC001 - said here too
from pytest_arbredis.state.errors import MisuseError
from pytest_arbredis.state.hardenings import NONE, Without, require_known

MOST_CONNECTIONS: Final = 500

HARDENINGS: Final = frozenset(
    {
        "total-deadline",  # without: every wait, connect and read may take as long as the whole call
        "fresh-connections",  # without: a connection with an outstanding reply goes back to the pool
        "no-blind-repeats",  # without: a command whose reply was lost is sent again
        "primary-again",  # without: neither READONLY nor a dead address makes it ask for the primary again
        "only-unwell-counts",  # without: a full pool and a refused write count against Redis
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Either one `address`, or `sentinels` that know a primary by `master_name`.

    Seconds throughout. `max_connections` is 50 by default and at most 500. A connection that was idle for
    `idle_check_s` is asked whether it lives before it is used. `keeps_state` refuses a server that may evict any key
    (`maxmemory-policy allkeys-*`); say False for caches. `breaker` None is without one. Passwords are never shown.
    """

    address: Address = ("localhost", 6379)
    sentinels: tuple[Address, ...] = ()
    master_name: str = "mymaster"
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    tls_ca_file: str | None = None
    max_connections: int = 50
    connect_timeout_s: float = 5.0
    sentinel_timeout_s: float = 0.5
    idle_check_s: float = 30.0
    keeps_state: bool = True
    breaker: BreakerPolicy | None = field(default_factory=BreakerPolicy)
    client_name: str = ""
    _without: Without = NONE

    def __post_init__(self) -> None:
        require_known(self._without, HARDENINGS)
        most = self.max_connections
        if type(most) is not int or not 1 <= most <= MOST_CONNECTIONS:
            raise MisuseError(f"max_connections={most!r}", remedy=f"give a number from 1 to {MOST_CONNECTIONS}")
        if type(self.db) is not int or self.db < 0:
            raise MisuseError(f"db={self.db!r}", remedy="give a number, 0 or more")
        for name in ("connect_timeout_s", "sentinel_timeout_s", "idle_check_s"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
                raise MisuseError(f"{name}={value!r}", remedy="give finite seconds above 0")
        for host, port in (self.address, *self.sentinels):
            if not host or type(port) is not int or not 0 < port < 1 << 16:
                raise MisuseError(f"address {host!r}, port {port!r}", remedy="give a host and a port from 1 to 65535")
        if self.client_name and any(not "!" <= letter <= "~" for letter in self.client_name):
            raise MisuseError(f"client_name={self.client_name!r}", remedy="give letters without spaces")
