"""What all clients of one load have in common: connections, circuit breakers, in asyncio the event loop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal

from pytest_arbredis.state.breaker.breaker import HARDENINGS as OF_THE_BREAKER
from pytest_arbredis.state.breaker.breaker import Breaker
from pytest_arbredis.state.breaker.transition import State
from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import HARDENINGS as OF_CONNECTIONS
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.subjects.state.loops import EventLoop, LoopRedis
from pytest_arbredis.subjects.state.stepped_clock import SteppedClock
from pytest_arbredis.subjects.state.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints
    from pytest_arbredis.state.breaker.transition import Transition
    from pytest_arbredis.subjects.state.register import StateLayer

Side = Literal["application", "queue"]


class OfLoad:
    """What all clients of one load share, for as long as one of them uses it."""

    def __init__(self, subject: StateLayer, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.watch = Watch()
        self.note: Callable[[dict[str, Json]], None] | None = None
        self.users = 0
        login = endpoints.login
        common: dict[str, Any] = {
            "username": login.user,
            "password": login.password,
            "tls": login.ca is not None,
            "tls_ca_file": None if login.ca is None else str(login.ca),
            "breaker": None,
            "max_connections": subject.max_connections,
            "keeps_state": subject.keeps_state,
            "_without": subject.without & OF_CONNECTIONS,
        }
        self.settings: dict[Side, Settings] = {
            "application": Settings(
                address=endpoints.primary,
                sentinels=endpoints.sentinels,
                master_name=endpoints.master_name,
                **common,
            )
        }
        if endpoints.second is not None:
            self.settings["queue"] = Settings(address=endpoints.second, **common)
        self._clock = SteppedClock()
        self._wall_step_s = subject.wall_step_s
        self.breakers = {side: self._breaker(subject, side) for side in self.settings}
        if "own-breaker" in subject.without:
            self.breakers = dict.fromkeys(self.settings, self.breakers["application"])
        self.states: dict[Side, StateRedis | LoopRedis] = {}
        self.loop = EventLoop() if subject.asyncio and not subject.own_loops else None
        if self.loop is not None:
            for side, settings in self.settings.items():
                redis = AsyncStateRedis(settings, breaker=self.breakers[side], witness=self.watch)
                self.states[side] = LoopRedis(redis, self.loop)
        elif not subject.asyncio:
            for side, settings in self.settings.items():
                self.states[side] = StateRedis(settings, breaker=self.breakers[side], witness=self.watch)

    def _breaker(self, subject: StateLayer, side: Side) -> Breaker | None:
        if subject.breaker is None:
            return None
        breaker = Breaker(subject.breaker, id=side, clock=self._clock, _without=subject.without & OF_THE_BREAKER)
        breaker.listen(self._moved)
        return breaker

    def _moved(self, move: Transition) -> None:
        if move.target is State.OPEN:
            self._clock.step(self._wall_step_s)
        if self.note is not None:
            self.note({**move.told()})

    def close(self) -> None:
        """End all of it, when its breakers have told everything."""
        for breaker in self.breakers.values():
            if breaker is not None:
                breaker.delivered(5)
        for state in self.states.values():
            state.close()
        if self.loop is not None:
            self.loop.close()

    def leave(self) -> None:
        """One client uses it no more; the last one ends it."""
        with _LOCK:
            self.users -= 1
            if self.users:
                return
            _LOADS.pop(id(self.endpoints), None)
        self.close()


_LOADS: dict[int, OfLoad] = {}
_LOCK = threading.Lock()


def of_load(subject: StateLayer, endpoints: Endpoints) -> OfLoad:
    """What belongs to this load: its endpoints are one object, which the entry keeps alive."""
    with _LOCK:
        if id(endpoints) not in _LOADS:
            _LOADS[id(endpoints)] = OfLoad(subject, endpoints)
        shared = _LOADS[id(endpoints)]
        shared.users += 1
        return shared
