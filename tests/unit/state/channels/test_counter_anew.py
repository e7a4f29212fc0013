"""A channel whose counter began anew (FLUSHALL, DEL, an eviction) says so: its messages are not taken for old ones."""

from __future__ import annotations

import asyncio

import pytest
from test_subscriber_talk import SIGNALS, Clock, Server

from pytest_arbredis.state.channels.events import Gap, Message, Reset
from pytest_arbredis.state.channels.subscriber import AsyncSubscriber, Subscriber
from pytest_arbredis.state.channels.tracking import Counter, Track
from pytest_arbredis.state.errors import UnreachableError


def at(number, epoch="e1", born="1.0"):
    return Counter(epoch=epoch, number=number, born=born)


NONE_YET = at(0, born="")
"""Before the first message there is no Hash."""


def test_a_message_of_a_counter_that_began_anew_comes_after_a_reset():
    track = Track("c", at(500))
    assert list(track.message(at(1), "x")) == [Reset(channel="c"), Message(channel="c", number=1, data="x")]
    assert list(track.message(at(2), "y")) == [Message(channel="c", number=2, data="y")]


def test_a_counter_below_what_had_been_seen_before_it_was_read_began_anew():
    track = Track("c", at(500))
    assert list(track.counted(at(3), seen_then=at(500))) == [Reset(channel="c")]
    assert list(track.message(at(4), "x")) == [Message(channel="c", number=4, data="x")]


def test_a_counter_that_began_anew_and_came_as_far_again_is_told_from_the_one_before():
    track = Track("c", at(500))
    assert list(track.counted(at(500, born="2.0"), seen_then=at(500))) == [Reset(channel="c")]
    assert list(track.counted(at(500, born="2.0"), seen_then=track.at)) == []
    told = list(track.message(at(501, born="3.0"), "x"))
    assert told == [Reset(channel="c"), Message(channel="c", number=501, data="x")]


def test_the_first_message_of_a_channel_follows_upon_none():
    track = Track("c")
    assert list(track.counted(NONE_YET, seen_then=None)) == []
    assert list(track.message(at(1), "x")) == [Message(channel="c", number=1, data="x")]
    assert list(track.counted(NONE_YET, seen_then=NONE_YET)) == [], "it was read before that"
    assert list(track.counted(NONE_YET, seen_then=at(1))) == [Reset(channel="c")]


def test_a_counter_that_was_read_before_the_first_message_says_nothing():
    track = Track("c")
    list(track.message(at(1), "x"))
    assert list(track.counted(NONE_YET, seen_then=None)) == []


def test_a_counter_below_what_came_after_it_was_read_says_nothing():
    track = Track("c", at(5))
    assert list(track.counted(at(4), seen_then=at(3))) == []
    assert list(track.counted(at(4), seen_then=None)) == []


def test_messages_that_were_told_as_gaps_may_all_come_late_and_are_not_taken_for_new_ones():
    """As on a subscription at a replica, which is behind the counters of its primary."""
    track = Track("c", at(3))
    list(track.counted(at(5), seen_then=at(3)))
    list(track.counted(at(7), seen_then=at(5)))
    assert [list(track.message(at(number), "late")) for number in (4, 5, 6, 7)] == [[]] * 4
    assert list(track.message(at(8), "x")) == [Message(channel="c", number=8, data="x")]
    assert next(track.message(at(7), "x")) == Reset(channel="c"), "nothing is late any more"


@pytest.mark.parametrize("twin", [Subscriber, AsyncSubscriber])
def test_a_resync_that_failed_is_called_again_before_its_event_is_given(twin):
    """Redis is often still away when a gap is seen: who cannot read the state then must hear of it again."""
    server, asked = Server(Clock()), []

    def resync(channel):
        asked.append(channel)
        if len(asked) == 1:
            raise UnreachableError("away")

    async def resync_later(channel):
        resync(channel)

    if twin is Subscriber:
        subscriber = Subscriber(server, SIGNALS, clock=server.clock, resync=resync)
        receive = subscriber.receive
    else:
        subscriber = AsyncSubscriber(Awaited(server), SIGNALS, clock=server.clock, resync=resync_later)

        def receive(**options):
            return asyncio.run(subscriber.receive(**options))

    assert receive(within_s=0) is None
    server.lines[0].dead = True
    server.publish("missed")
    with pytest.raises(UnreachableError):
        receive(within_s=0.1)
    assert receive(within_s=0.1) == Gap(channel=SIGNALS.wire, first=1, last=1)
    assert asked == [SIGNALS.wire] * 2


class Awaited:
    """The same server, awaited."""

    def __init__(self, what):
        self.what = what

    async def run(self, plan, **options):
        return self.what.run(plan, **options)

    async def line(self, **options):
        return AwaitedLine(self.what.line(**options))


class AwaitedLine:
    def __init__(self, what):
        self.what = what

    async def send(self, *args):
        self.what.send(*args)

    async def receive(self, *, within_s):
        return self.what.receive(within_s=within_s)

    async def close(self):
        self.what.close()
