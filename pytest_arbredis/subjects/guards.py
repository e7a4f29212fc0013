"""Circuit breakers of others, and ours, behind one small protocol; each library is imported when it is used.

What a library tells of its moves is passed on as it tells it, at the time when it moves. One that tells nothing is
watched: every assignment to its state is a move.
"""

from __future__ import annotations

import importlib
import re
import time
from datetime import datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from pytest_arbredis._clock import NS_PER_S
from pytest_arbredis.state.breaker.breaker import Breaker
from pytest_arbredis.state.breaker.outcomes import Outcome
from pytest_arbredis.state.breaker.policy import BreakerPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_arbredis.state.breaker.transition import Transition
    from pytest_arbredis.subjects.behind_breaker import Guarded, Moves

T = TypeVar("T")


class Guard(Protocol):
    """One breaker. It is asked from many threads at once."""

    def call(self, ask: Callable[[], T]) -> T:
        """Make the call if the breaker lets it in, else raise what the library raises."""
        ...

    def step_wall(self, seconds: float) -> None:
        """Let the wall clock that the library reads be set by `seconds` from now on."""
        ...

    def close(self) -> None:
        """Undo what was changed in the library; tell what is not told yet."""
        ...


class _StateLayer:
    """The breaker of `pytest_arbredis.state`: one probe, and its own stamps."""

    def __init__(self, moves: Moves, subject: Guarded) -> None:
        self._moves, self._wall_s = moves, 0.0
        policy = BreakerPolicy(failures=subject.failures, open_s=subject.timeout_s, probes_at_once=subject.probes)
        self._breaker = Breaker(policy, clock=self, judge=lambda _: Outcome.IGNORED, _without=subject.without)
        self._breaker.listen(self._moved)

    monotonic_ns = staticmethod(time.monotonic_ns)

    def wall_ns(self) -> int:
        """As somebody set it."""
        return time.time_ns() + int(self._wall_s * NS_PER_S)

    def _moved(self, move: Transition) -> None:
        blamed = _OPERATION.search(move.cause)
        op = int(blamed[1]) if blamed else None
        self._moves.moved(move.source, move.target, move.cause, at_ns=move.at_ns, op=op)

    def call(self, ask: Callable[[], T]) -> T:
        permit = self._breaker.enter()
        with permit:
            try:
                return ask()
            except (RedisConnectionError, RedisTimeoutError) as error:
                permit.failed(f"{type(error).__name__} of operation {getattr(self._moves.calling, 'op', None)}")
                raise

    def step_wall(self, seconds: float) -> None:
        self._wall_s = seconds

    def close(self) -> None:
        self._breaker.delivered(5)


class _PyBreaker:
    """pybreaker, with a listener."""

    def __init__(self, moves: Moves, subject: Guarded) -> None:
        self._library: Any = importlib.import_module("pybreaker")
        self._datetime = self._library.datetime

        class Listener(self._library.CircuitBreakerListener):  # type: ignore[name-defined, misc]
            def state_change(self, _: object, old_state: Any, new_state: Any) -> None:
                moves.moved(old_state.name, new_state.name)

        self._breaker = self._library.CircuitBreaker(
            fail_max=subject.failures, reset_timeout=subject.timeout_s, listeners=[Listener()]
        )

    def call(self, ask: Callable[[], T]) -> T:
        answer: T = self._breaker.call(ask)
        return answer

    def step_wall(self, seconds: float) -> None:
        class Stepped(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + timedelta(seconds=seconds)

        self._library.datetime = Stepped

    def close(self) -> None:
        self._library.datetime = self._datetime


class _Purgatory:
    """purgatory. Its events come when a call has ended; the moves are seen where its context makes them."""

    def __init__(self, moves: Moves, subject: Guarded) -> None:
        library: Any = importlib.import_module("purgatory")
        self._model: Any = importlib.import_module("purgatory.domain.model")
        self._time = self._model.time
        self._factory = library.SyncCircuitBreakerFactory(
            default_threshold=subject.failures, default_ttl=subject.timeout_s
        )
        context = self._factory.get_breaker("redis").context
        turn = context.set_state
        words = {"opened": "open", "half-opened": "half-open", "closed": "closed"}

        def turned(state: Any) -> None:
            turn(state)
            moves.moved_to(words[state.name])

        context.set_state = turned

    def call(self, ask: Callable[[], T]) -> T:
        with self._factory.get_breaker("redis"):
            return ask()

    def step_wall(self, seconds: float) -> None:
        self._model.time = SimpleNamespace(time=lambda: time.time() + seconds)

    def close(self) -> None:
        self._model.time = self._time


class _CircuitBreaker:
    """circuitbreaker: it tells nothing, half-open is what it computes of the time; so assignments and entries tell."""

    def __init__(self, moves: Moves, subject: Guarded) -> None:
        library: Any = importlib.import_module("circuitbreaker")

        class Watched(library.CircuitBreaker):  # type: ignore[misc]
            @property
            def _state(self) -> str:
                return str(self.__dict__.get("watched", "closed"))

            @_state.setter
            def _state(self, state: str) -> None:
                self.__dict__["watched"] = state
                moves.moved_to(state)

            def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
                if self._state == "open":  # and yet it was let in
                    moves.moved_to("half-open")
                return super().call(function, *args, **kwargs)

        self._breaker = Watched(failure_threshold=subject.failures, recovery_timeout=subject.timeout_s, name="redis")

    def call(self, ask: Callable[[], T]) -> T:
        def asked() -> T:
            return ask()

        answer: T = self._breaker.decorate(asked)()
        return answer

    def step_wall(self, seconds: float) -> None:
        """It computes with `time.monotonic`: the wall clock is for its messages only."""

    def close(self) -> None:
        """Nothing was changed."""


OURS: Final = "pytest-arbredis"

_OPERATION: Final = re.compile(r"of operation (\d+)")
"""In a cause: whom to blame, since moves are told by another thread than the one that made them."""

GUARDS: Mapping[str, Callable[[Moves, Guarded], Guard]] = {
    OURS: _StateLayer,
    "pybreaker": _PyBreaker,
    "purgatory": _Purgatory,
    "circuitbreaker": _CircuitBreaker,
}
"""By the name of the distribution."""
