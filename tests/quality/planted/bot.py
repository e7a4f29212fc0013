"""A bot: a small subject over a line, for real servers or, on a manual clock, for those in memory."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_arbredis._clock import CLOCK, Clock
from pytest_arbredis.subjects.redis_py_line import RedisPyDialer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.load.line import Dialer
    from pytest_arbredis.load.protocol import Endpoints
    from pytest_arbredis.testing.fake_redis import FakeServers


@dataclass(slots=True, eq=False)
class Shared:
    """What all sessions of one bot share; what a session adds is in `things`.

    `touched` are the times at which a bug did something else to an operation than the mended code would have done.
    """

    clock: Clock
    lock: threading.Lock = field(default_factory=threading.Lock)
    opened: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    strikes: itertools.count[int] = field(default_factory=itertools.count)
    things: dict[str, Any] = field(default_factory=dict)
    touched: list[int] = field(default_factory=list)

    def strikes_now(self, every: int) -> bool:
        """Whether this is one of every so many times that it was asked; the first is half-way."""
        strikes = next(self.strikes) % every == every // 2
        if strikes:
            self.touch()
        return strikes

    def touch(self) -> None:
        """The bug touches an operation now."""
        self.touched.append(self.clock.now_ns())


@dataclass(slots=True, kw_only=True, eq=False)
class Bot:
    """Implements `Subject`, for one run. `session` makes a session of a dialer and what all sessions share."""

    name: str
    session: Callable[[Dialer, Shared], Any]
    timeout_s: float = 0.3
    servers: FakeServers | None = None
    shared: Shared = field(default_factory=lambda: Shared(clock=CLOCK))

    def on(self, servers: FakeServers) -> Bot:
        """The same, for servers in memory and on their clock."""
        self.servers, self.shared = servers, Shared(clock=servers.clock)
        return self

    def open(self, endpoints: Endpoints) -> Any:
        """A session of one client; `shared.opened` counts them."""
        self.shared.opened.release()
        if self.servers is not None:
            return self.session(self.servers.dialer(self.timeout_s), self.shared)
        return self.session(RedisPyDialer(endpoints=endpoints, timeout_s=self.timeout_s), self.shared)
