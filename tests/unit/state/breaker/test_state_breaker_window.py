"""The window against a list of all calls; a tally against a plain count."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from pytest_arbredis.state.breaker.window import BUCKETS, Tally, Window


@given(st.lists(st.tuples(st.integers(0, 400), st.booleans(), st.booleans()), max_size=60))
def test_a_window_counts_what_a_list_does(calls):
    """Ten buckets of ten nanoseconds; time only goes on."""
    window, now, seen = Window(100), 0, []
    for passed, failed, slow in calls:
        now += passed
        bucket = window.called(now)
        bucket.failed += failed
        bucket.slow += slow
        seen.append((now // 10, failed, slow))
        kept = [one for one in seen if one[0] > now // 10 - BUCKETS]
        assert window.totals(now) == (len(kept), sum(one[1] for one in kept), sum(one[2] for one in kept))


def test_a_thread_that_comes_late_does_not_bring_an_old_bucket_back():
    window = Window(100)
    window.called(1000)
    window.called(5)
    assert window.totals(1000)[0] == 2


@given(st.lists(st.booleans()))
def test_a_tally_is_not_changed_by_reading_it(steps):
    tally, plain = Tally(), 0
    for read in steps:
        if read:
            assert tally.read() == plain
        else:
            tally.add()
            plain += 1
    assert tally.read() == plain
