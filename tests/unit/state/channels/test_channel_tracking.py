"""What a subscriber is told follows from the numbers that it sees: nothing is missed silently, whatever gets lost."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from pytest_arbredis.state.channels.channel import Channel
from pytest_arbredis.state.channels.events import Gap, Message, Reset
from pytest_arbredis.state.channels.tracking import Counter, Track
from pytest_arbredis.state.errors import KeyRefusedError, MisuseError


def at(number, epoch="e1"):
    return Counter(epoch=epoch, number=number)


def test_the_first_message_begins_wherever_it_is():
    track = Track("c")
    assert list(track.message(at(7), "x")) == [Message(channel="c", number=7, data="x")]


def test_a_message_that_is_passed_over_is_a_gap():
    track = Track("c", at(3))
    assert list(track.message(at(6), "x")) == [
        Gap(channel="c", first=4, last=5),
        Message(channel="c", number=6, data="x"),
    ]


def test_a_counter_that_is_ahead_is_a_gap_and_one_that_is_not_is_none():
    track = Track("c", at(3))
    assert list(track.counted(at(5), seen_then=at(3))) == [Gap(channel="c", first=4, last=5)]
    assert list(track.counted(at(5), seen_then=at(5))) == []


def test_a_message_that_comes_late_was_told_already():
    track = Track("c", at(3))
    list(track.counted(at(4), seen_then=at(3)))
    assert list(track.message(at(4), "late")) == []


def test_another_epoch_is_a_reset_once():
    track = Track("c", at(9))
    assert list(track.counted(at(4, "e2"), seen_then=at(9))) == [Reset(channel="c")]
    assert list(track.message(at(5, "e2"), "x")) == [Message(channel="c", number=5, data="x")]


def test_a_counter_read_before_a_newer_epoch_showed_itself_says_nothing():
    track = Track("c", at(9))
    list(track.message(at(1, "e2"), "x"))
    assert list(track.counted(at(10), seen_then=at(9))) == []


@given(st.lists(st.tuples(st.sampled_from(["arrives", "lost", "counted", "failover"]), st.integers(0, 3)), max_size=40))
def test_every_message_is_received_or_told_of(steps):
    """A model of the server: numbers grow, a failover takes some back and begins another epoch."""
    track = Track("c", at(0, "e0"))
    epoch = number = 0
    missing: set[int] = set()
    for what, back in [*steps, ("counted", 0)]:
        told = []
        if what in {"arrives", "lost"}:
            number += 1
            missing.add(number)
        if what == "failover":
            epoch += 1
            number = max(0, number - back)
        elif what == "arrives":
            told = list(track.message(at(number, f"e{epoch}"), number))
        elif what == "counted":
            told = list(track.counted(at(number, f"e{epoch}"), seen_then=track.at))
        for event in told:
            match event:
                case Message():
                    assert event.number == number
                    missing.discard(event.number)
                case Gap():
                    assert set(range(event.first, event.last + 1)) <= missing, "only what is missing is told of"
                    missing -= set(range(event.first, event.last + 1))
                case Reset():
                    missing.clear()
    assert not missing


@pytest.mark.parametrize(
    ("name", "of", "wire", "key"),
    [
        ("state_update", "", "live:state_update", "channel:live:state_update"),
        ("market_data", "EURUSD", "live:market_data:EURUSD", "channel:live:market_data:EURUSD"),
        ("executions", "7", "live:executions:7", "channel:live:executions:7"),
    ],
)
def test_a_channel_has_its_scope_in_its_name(name, of, wire, key):
    channel = Channel(scope="live", name=name, of=of)
    assert (channel.wire, channel.key) == (wire, key)


@pytest.mark.parametrize(("name", "of"), [("ticks", ""), ("market_data", ""), ("trade_signals", "x")])
def test_an_unknown_channel_is_refused(name, of):
    with pytest.raises(MisuseError):
        Channel(scope="live", name=name, of=of)


@pytest.mark.parametrize("of", ["a b", "a:b", "*"])
def test_a_bad_part_is_named(of):
    with pytest.raises(KeyRefusedError, match="'of'"):
        Channel(scope="live", name="executions", of=of)
