"""A recording of hours stays small, and knows what happened last."""

from __future__ import annotations

import pytest

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.gameday.journal import Journal
from pytest_arbredis.history.records import Header
from pytest_arbredis.testing.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def journal(tmp_path, clock):
    journal = Journal(tmp_path / "history.jsonl", Header(run="test"), clock)
    yield journal
    journal.close()


def sample(journal, node, role, *, offset=0):
    journal.event("replication", node, {"role": role, "replid": "a", "offset": offset})


def test_samples_that_say_nothing_new_are_thinned_and_every_change_of_role_is_kept(journal, clock):
    for number in range(100):
        sample(journal, "n0", "master", offset=number)
        sample(journal, "n1", "slave" if number < 50 else "master", offset=number)
        clock.sleep(0.03)
    events = journal.close().events_named("replication")
    assert [event.data["offset"] for event in events if event.source == "n0"] == [0, 34, 68]
    assert [event.data["offset"] for event in events if event.source == "n1"] == [0, 34, 50, 84]
    (mark,) = journal.story()
    assert (mark.label, mark.at_s) == ("n1: replica → primary", pytest.approx(1.5))


def test_the_story_is_what_tells_it_once_a_second_whoever_said_it(journal, clock):
    for event in ("+sdown", "+odown", "+vote-for-leader", "+switch-master"):
        for sentinel in ("s0", "s1", "s2"):
            journal.event("sentinel", sentinel, {"event": event, "detail": "…"})
        clock.sleep(0.1)
    assert [(mark.label, mark.source) for mark in journal.story()] == [("+odown", "s0"), ("+switch-master", "s0")]
    assert len(journal.close().events_named("sentinel")) == 12


def test_seconds_count_from_its_beginning(journal, clock):
    clock.sleep(2)
    assert journal.since_s() == pytest.approx(2)
    assert journal.since_s(clock.now_ns() + NS_PER_S + 500 * NS_PER_MS) == pytest.approx(3.5)
