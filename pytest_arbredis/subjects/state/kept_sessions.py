"""The session store as registers that end: sessions are saved, loaded, ended by a client, and cleaned up when old.

As in `sessions.py` what a load gives is the value if all of it is of one write, and else a description of it. All of
them are of the environment `test`, which a clean-up may look through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.load.session_lives import CLEAN, END
from pytest_arbredis.state.errors import CorruptedError, StateError
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.retention.cleaner import Cleaner
from pytest_arbredis.state.retention.cleanup import Wish
from pytest_arbredis.state.retention.plans import HARDENINGS as OF_CLEANUP
from pytest_arbredis.state.sessions.plans import HARDENINGS as OF_SESSIONS
from pytest_arbredis.state.sessions.store import StateStore
from pytest_arbredis.subjects.state.connecting import hardened, lacking
from pytest_arbredis.subjects.state.refusals import answer_to
from pytest_arbredis.subjects.state.sessions import state_of, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints, Invocation

ENV = "test"
WITHIN_S = 1.0
OPERATIONS = frozenset({"write", "read", END, CLEAN})

HARDENINGS = frozenset({"one-transaction", "re-check", "whole-session"})
"""What can be left out here: of the store, that a change is one step; and both of the clean-up."""


class Keeper(Protocol):
    """What the drill needs of a store and its clean-up: the hardened ones, and the naive twin."""

    def save(self, session_id: str, state: Mapping[str, Mapping[str, Json]]) -> None:
        """Save a session."""
        ...

    def load(self, session_id: str) -> Mapping[str, Mapping[str, object]]:
        """Load a session; empty if there is none."""
        ...

    def end(self, session_id: str) -> None:
        """Delete a session."""
        ...

    def clean(self, older_than_s: float) -> int:
        """Delete what was not saved for so long; how many sessions, or keys."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSessions:
    """Implements `Subject`."""

    name: str
    make: Callable[[Endpoints], Keeper]
    older_than_s: float
    operations: frozenset[str] = OPERATIONS

    def open(self, endpoints: Endpoints) -> KeptSessionsSession:
        """A store of its own."""
        return KeptSessionsSession(self.make(endpoints), self.older_than_s)


class KeptSessionsSession:
    """One client."""

    def __init__(self, keeper: Keeper, older_than_s: float) -> None:
        self._keeper = keeper
        self._older_than_s = older_than_s

    def apply(self, op: Invocation) -> Answer | Json:
        """Apply one operation."""
        session_id = op.key.replace(":", "-")
        try:
            match op.name:
                case "write":
                    self._keeper.save(session_id, state_of(str(op.input)))
                    return "OK"
                case "read":
                    return value_of(self._keeper.load(session_id))
                case "delete":
                    self._keeper.end(session_id)
                    return "OK"
                case "clean":
                    return self._keeper.clean(self._older_than_s)
        except CorruptedError as error:
            return Answer(output=f"{type(error).__name__}: {error.cause}")
        except StateError as error:
            return answer_to(error)
        raise UsageError.unknown("operation on sessions", op.name, OPERATIONS)

    def close(self) -> None:
        """Close the store."""
        self._keeper.close()


class HardenedKeeper:
    """Implements `Keeper` by the state layer."""

    def __init__(self, endpoints: Endpoints, without: Without) -> None:
        self._redis = hardened(endpoints)
        self._store = StateStore(self._redis, _without=without & OF_SESSIONS)
        self._cleaner = Cleaner(self._redis, _without=without & OF_CLEANUP)

    def save(self, session_id: str, state: Mapping[str, Mapping[str, Json]]) -> None:
        """As `Keeper.save`."""
        self._store.save_state_to_redis(ENV, session_id, state, within_s=WITHIN_S)

    def load(self, session_id: str) -> Mapping[str, Mapping[str, object]]:
        """As `Keeper.load`."""
        return self._store.load_state_from_redis(ENV, session_id, within_s=WITHIN_S)

    def end(self, session_id: str) -> None:
        """As `Keeper.end`."""
        self._store.delete_state_from_redis(ENV, session_id, within_s=WITHIN_S)

    def clean(self, older_than_s: float) -> int:
        """As `Keeper.clean`."""
        wish = Wish(older_than_s=older_than_s, env=ENV, delete=True)
        return self._cleaner.cleanup(wish, within_s=WITHIN_S).deleted.count

    def close(self) -> None:
        """As `Keeper.close`."""
        self._redis.close()


def kept_sessions(*, older_than_s: float, _without: Without = NONE) -> KeptSessions:
    """The session store of the state layer, and its clean-up."""
    return KeptSessions(
        name=f"state layer, sessions and their clean-up{lacking(_without)}",
        make=lambda endpoints: HardenedKeeper(endpoints, _without),
        older_than_s=older_than_s,
    )
