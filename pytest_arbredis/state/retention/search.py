"""Which sessions a clean-up looks at, step by step; each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.state.retention.plans import Step, ages, search

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.retention.cleanup import Wish
    from pytest_arbredis.state.retention.plans import StoredSession


class Search:
    """Where a search is: environment by environment. Ids that were seen are remembered, in some hundred bytes each."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._envs = list(wish.envs)
        self._cursor = 0
        self._seen: set[str] = set()

    @property
    def over(self) -> bool:
        """Whether all was looked through."""
        return not self._envs

    def step(self) -> Plan[Step]:
        """The next step."""
        if self._wish.session_id is not None:
            return _named(self._envs[0], self._wish.session_id)
        return search(self._cursor, self._envs[0])

    def took(self, step: Step) -> list[StoredSession]:
        """A step found this: the sessions that were not seen before."""
        new = [session for session in step.sessions if session.session_id not in self._seen]
        self._seen.update(session.session_id for session in new)
        self._cursor = step.cursor
        if step.cursor == 0:
            self._envs.pop(0)
            self._seen.clear()
        return new


def _named(env: str, session_id: str) -> Plan[Step]:
    sessions = yield from ages(env, (session_id,))
    return Step(cursor=0, sessions=sessions)
