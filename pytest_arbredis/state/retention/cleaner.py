"""`Cleaner` and `AsyncCleaner`: delete sessions that nobody saved for long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.state.hardenings import NONE, Without, require_known
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.retention import plans
from pytest_arbredis.state.retention.cleanup import CleanupReport
from pytest_arbredis.state.retention.search import Search

if TYPE_CHECKING:
    from pytest_arbredis.state.connections.running import Runs, RunsAsync
    from pytest_arbredis.state.retention.cleanup import Wish


class Cleaner:
    """Finds sessions by SCAN, and deletes each in one script that looks at its age again."""

    def __init__(self, redis: Runs, *, _without: Without = NONE) -> None:
        self._redis = redis
        self._without = require_known(_without, plans.HARDENINGS)

    def cleanup(self, wish: Wish, *, within_s: float | None = None) -> CleanupReport:
        """What was found, and what was deleted if the wish says so; `within_s` is the deadline of each step."""
        report, search = CleanupReport(), Search(wish)
        while not search.over:
            for session in search.took(self._redis.run(search.step(), kind=Kind.SLOW, within_s=within_s)):
                if report.sort(session, wish):
                    where, age_s = (session.env, session.session_id), wish.older_than_s
                    plan = plans.remove(*where, older_than_s=age_s, without=self._without)
                    gone = self._redis.run(plan, within_s=within_s)
                    (report.deleted if gone else report.spared).add(session)
        return report


class AsyncCleaner:
    """As `Cleaner`, for asyncio."""

    def __init__(self, redis: RunsAsync, *, _without: Without = NONE) -> None:
        self._redis = redis
        self._without = require_known(_without, plans.HARDENINGS)

    async def cleanup(self, wish: Wish, *, within_s: float | None = None) -> CleanupReport:
        """As `Cleaner.cleanup`."""
        report, search = CleanupReport(), Search(wish)
        while not search.over:
            for session in search.took(await self._redis.run(search.step(), kind=Kind.SLOW, within_s=within_s)):
                if report.sort(session, wish):
                    where, age_s = (session.env, session.session_id), wish.older_than_s
                    plan = plans.remove(*where, older_than_s=age_s, without=self._without)
                    gone = await self._redis.run(plan, within_s=within_s)
                    (report.deleted if gone else report.spared).add(session)
        return report
