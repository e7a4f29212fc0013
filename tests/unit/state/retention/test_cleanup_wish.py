"""What a clean-up may look at, and what it sorts where."""

from __future__ import annotations

import pytest

from pytest_arbredis.state.errors import MisuseError
from pytest_arbredis.state.retention.cleanup import LISTED, CleanupReport, Wish
from pytest_arbredis.state.retention.plans import Step, StoredSession
from pytest_arbredis.state.retention.search import Search


def stored(session_id="s1", age_s=10.0, env="paper"):
    return StoredSession(env=env, session_id=session_id, age_s=age_s)


def test_live_is_left_out_unless_it_is_named():
    assert Wish(older_than_s=1).envs == ("paper", "backtest", "test")
    assert Wish(older_than_s=1, session_id="s1").envs == ("paper", "backtest", "test")
    assert Wish(older_than_s=1, env="live").envs == ("live",)


@pytest.mark.parametrize(
    "wish",
    [
        {"older_than_s": 0},
        {"older_than_s": -1},
        {"older_than_s": float("nan")},
        {"older_than_s": float("inf")},
        {"older_than_s": 1, "env": "prod"},
        {"older_than_s": 1, "session_id": "a b"},
        {"older_than_s": 1, "session_id": "*"},
    ],
)
def test_a_wish_that_cannot_be_meant_is_refused(wish):
    with pytest.raises(MisuseError):
        Wish(**wish)


def test_exactly_as_old_is_old_enough_and_a_session_without_an_age_never_is():
    wish, report = Wish(older_than_s=10, delete=True), CleanupReport()
    assert report.sort(stored(age_s=10.0), wish)
    assert not report.sort(stored(age_s=9.999), wish)
    assert not report.sort(stored(age_s=None), wish)
    assert (report.old.count, report.kept.count, report.ageless.count) == (1, 1, 1)


def test_a_dry_run_deletes_nothing():
    assert not CleanupReport().sort(stored(), Wish(older_than_s=1))


def test_a_report_names_so_many_and_counts_all():
    report = CleanupReport()
    for number in range(LISTED + 5):
        report.sort(stored(str(number)), Wish(older_than_s=1))
    assert (len(report.old.first), report.old.count) == (LISTED, LISTED + 5)


def test_a_session_is_looked_at_once_however_often_scan_gives_its_keys():
    search = Search(Wish(older_than_s=1, env="paper"))
    assert len(search.took(Step(cursor=5, sessions=(stored("a"), stored("b"))))) == 2
    assert [one.session_id for one in search.took(Step(cursor=0, sessions=(stored("b"), stored("c"))))] == ["c"]
    assert search.over
