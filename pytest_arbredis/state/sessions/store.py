"""`StateStore`: sessions, saved and loaded as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.sessions import plans
from pytest_arbredis.state.sessions.plans import Others, Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.connections.running import Runs
    from pytest_arbredis.state.sessions.snapshot import Saved, Snapshot
    from pytest_arbredis.state.sessions.values import Json


class StateStore:
    """Sessions of up to four categories: session, positions, metrics, risk_guard.

    With `wait_replicas` every save and deletion waits until so many replicas have it, at most `wait_ms`, or raises
    `NotConfirmedError`: it is applied then, and a failover may lose it.
    """

    def __init__(self, redis: Runs, *, wait_replicas: int = 0, wait_ms: int = 500, _without: Without = NONE) -> None:
        self._redis = redis
        self._rules = Rules(wait_replicas=wait_replicas, wait_ms=wait_ms, without=_without)

    def save_state_to_redis(
        self,
        env: str,
        session_id: str,
        state: Mapping[str, Mapping[str, object]],
        *,
        ttl_s: float | None = None,
        if_version: int | None = None,
        others: Others = "remove",
        within_s: float | None = None,
    ) -> Saved:
        """Put `state`, `{category: {field: value}}`, in the place of the session, in one step: all of it or nothing.

        Fields that are not given are gone. So are categories that are not given, unless `others` is "keep": those
        stay, and become part of this version. The session expires `ttl_s` seconds later, or never: a TTL of an earlier
        save does not stay. With `if_version`, the version that was loaded (0: there must be none), a session that
        somebody else saved or deleted meanwhile is left as it is, with `ConflictError`.
        """
        plan = plans.save(env, session_id, state, ttl_s=ttl_s, if_version=if_version, others=others, rules=self._rules)
        return self._redis.run(plan, kind=Kind.PIPELINE, within_s=within_s)

    def load_state_from_redis(
        self, env: str, session_id: str, *, within_s: float | None = None
    ) -> dict[str, dict[str, Json]]:
        """`{category: {field: value}}` as one save left it; empty if there is none. Raises `TornSessionError`."""
        found = self.read_session(env, session_id, within_s=within_s)
        return {} if found is None else found.categories

    def read_session(self, env: str, session_id: str, *, within_s: float | None = None) -> Snapshot | None:
        """As `load_state_from_redis`, with version and time of the save; None if there is none."""
        return self._redis.run(plans.load(env, session_id, rules=self._rules), kind=Kind.NORMAL, within_s=within_s)

    def delete_state_from_redis(
        self, env: str, session_id: str, *, if_version: int | None = None, within_s: float | None = None
    ) -> bool:
        """Delete the session in one step; whether there was any.

        A save that comes later makes a new session. With `if_version` it is deleted only at that version, else
        `ConflictError`: nothing that was saved meanwhile is deleted.
        """
        plan = plans.delete(env, session_id, if_version=if_version, rules=self._rules)
        return self._redis.run(plan, within_s=within_s)
