"""Listeners: in order, without a gap; one that raises or is slow harms nobody."""

from __future__ import annotations

import logging
import threading
from itertools import pairwise

import pytest

from pytest_arbredis.state.breaker.breaker import Breaker
from pytest_arbredis.state.breaker.delivery import WAITING


def moved(breaker, times):
    for _ in range(times):
        breaker.force_open()
        breaker.force_close()


def test_transitions_come_in_order_whoever_makes_them():
    breaker, told = Breaker(), []
    breaker.listen(told.append)
    threads = [threading.Thread(target=moved, args=(breaker, 50)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert breaker.delivered(5)
    assert [one.seq for one in told] == list(range(1, len(told) + 1))
    assert all(one.target is following.source for one, following in pairwise(told))
    assert [one.at_ns for one in told] == sorted(one.at_ns for one in told)


def test_a_listener_that_raises_hears_the_next_one_too(caplog):
    breaker, heard, told = Breaker(), [], []

    def broken(transition):
        heard.append(transition.seq)
        raise ValueError("a bug of the listener")

    breaker.listen(broken)
    breaker.listen(told.append)
    with caplog.at_level(logging.CRITICAL):
        moved(breaker, 2)
        assert breaker.delivered(5)
    assert heard == [one.seq for one in told] == [1, 2, 3, 4]
    assert breaker.snapshot().listener_errors == 4


def test_a_slow_listener_keeps_no_call_and_no_other_listener_waiting():
    breaker, go, slow, told = Breaker(), threading.Event(), [], []

    def sleepy(transition):
        go.wait(10)
        slow.append(transition.seq)

    breaker.listen(sleepy)
    stop = breaker.listen(told.append)
    moved(breaker, 5)
    breaker.enter().succeeded()
    assert not breaker.delivered(0.01), "one of them is still asleep"
    stop()
    assert slow == []
    go.set()
    assert breaker.delivered(5)
    assert slow == list(range(1, 11))


def test_what_a_listener_misses_shows_in_the_numbers():
    """Only so many wait for it; the oldest are dropped."""
    breaker, go, begun, told = Breaker(), threading.Event(), threading.Event(), []

    def asleep(transition):
        begun.set()
        go.wait(10)
        told.append(transition.seq)

    breaker.listen(asleep)
    breaker.force_open()
    assert begun.wait(5)
    breaker.force_close()
    moved(breaker, WAITING // 2)
    go.set()
    assert breaker.delivered(10)
    assert told == [1, *range(3, WAITING + 3)]


def test_a_listener_may_call_the_breaker():
    breaker, states = Breaker(), []
    breaker.listen(lambda _: states.append(breaker.snapshot().state))
    breaker.force_open()
    assert breaker.delivered(5)
    assert states == ["open"]


def test_nobody_is_told_after_he_said_stop():
    breaker, told = Breaker(), []
    stop = breaker.listen(told.append)
    breaker.force_open()
    assert breaker.delivered(5)
    stop()
    breaker.force_close()
    assert breaker.delivered(5)
    assert [one.seq for one in told] == [1]


def test_no_thread_is_left_when_there_is_nothing_to_tell():
    breaker = Breaker()
    breaker.listen(lambda _: None)
    moved(breaker, 3)
    assert breaker.delivered(5)
    for thread in threading.enumerate():
        if thread.name == "breaker-listener":
            thread.join(5)
            assert not thread.is_alive()


@pytest.mark.parametrize("word", ["id", "seq", "from", "to", "cause", "at_ns"])
def test_a_transition_is_told_in_the_words_of_the_history(word):
    breaker, told = Breaker(id="app"), []
    breaker.listen(lambda one: told.append(one.told()))
    breaker.force_open()
    assert breaker.delivered(5)
    assert word in told[0]
    assert (told[0]["id"], told[0]["from"], told[0]["to"]) == ("app", "closed", "open")
