"""A subscriber's talk with a server that dies in every way: by hand, on a manual clock."""

from __future__ import annotations

import pytest

from pytest_arbredis.state.channels.channel import Channel
from pytest_arbredis.state.channels.events import Gap, Message
from pytest_arbredis.state.channels.subscriber import Subscriber
from pytest_arbredis.state.channels.tracking import Counter
from pytest_arbredis.state.errors import ConnectionLostError, MisuseError, UnreachableError

SIGNALS = Channel(scope="live", name="trade_signals")


class Clock:
    def __init__(self):
        self.ns = 0

    def monotonic_ns(self):
        return self.ns

    def wall_ns(self):
        return self.ns

    def passes(self, seconds):
        self.ns += int(seconds * 1e9)


class Server:
    """Numbers, subscriptions, and what is wrong with it: `away`, or `silent` (nothing comes back any more)."""

    def __init__(self, clock):
        self.clock = clock
        self.number = 0
        self.lines = []
        self.away = self.silent = False

    def run(self, plan, **_):
        plan.close()
        if self.away:
            raise UnreachableError("away")
        return {SIGNALS.wire: Counter(epoch="e", number=self.number)}

    def line(self, **_):
        if self.away:
            raise UnreachableError("away")
        self.lines.append(Line(self))
        return self.lines[-1]

    def publish(self, data):
        self.number += 1
        for line in self.lines:
            if line.subscribed and not line.dead and not self.silent:
                said = b'{"number":%d,"epoch":"e","born":"","data":"%s"}' % (self.number, data.encode())
                line.comes.append([b"message", SIGNALS.wire.encode(), said])


class Line:
    def __init__(self, server):
        self.server = server
        self.comes = []
        self.subscribed = self.dead = False

    def send(self, *args):
        if self.dead:
            raise ConnectionLostError("reset")
        if args[0] == "SUBSCRIBE":
            self.subscribed = True
            self.comes.append([b"subscribe", args[1].encode(), 1])
        elif not self.server.silent:
            self.comes.append([b"pong", args[1].encode()])

    def receive(self, *, within_s):
        if self.comes:
            return self.comes.pop(0)
        if self.dead:
            raise ConnectionLostError("reset")
        self.server.clock.passes(within_s)
        return None

    def close(self):
        self.dead = True


@pytest.fixture
def server():
    return Server(Clock())


@pytest.fixture
def subscriber(server):
    subscriber = Subscriber(server, SIGNALS, heartbeat_s=1.0, clock=server.clock)
    assert subscriber.receive(within_s=0) is None
    return subscriber


def test_a_line_that_ends_is_replaced_and_what_was_missed_is_told(server, subscriber):
    server.lines[0].dead = True
    server.publish("missed")
    assert subscriber.receive(within_s=0.1) == Gap(channel=SIGNALS.wire, first=1, last=1)
    assert len(server.lines) == 2


def test_a_line_that_dies_without_a_sign_is_seen_within_two_heartbeats(server, subscriber):
    server.silent = True
    server.publish("missed")
    began_ns = server.clock.ns
    with pytest.raises(ConnectionLostError):  # the new line is as silent
        subscriber.receive(within_s=10)
    assert server.lines[0].dead
    assert server.clock.ns - began_ns <= 3.1e9, "two heartbeats, and one for the new line"
    server.silent = False
    assert subscriber.receive(within_s=1) == Gap(channel=SIGNALS.wire, first=1, last=1)


def test_a_line_that_says_pong_but_nothing_else_is_found_out_by_the_counter(server, subscriber):
    """As a subscription at a server that nobody publishes to any more: a primary of the past."""
    server.number += 1
    assert subscriber.receive(within_s=3) == Gap(channel=SIGNALS.wire, first=1, last=1)
    assert len(server.lines) == 1


def test_a_caller_that_was_away_for_long_does_not_take_a_living_line_for_dead(server, subscriber):
    server.publish("a")
    server.clock.passes(60)
    assert subscriber.receive(within_s=0) == Message(channel=SIGNALS.wire, number=1, data="a")
    server.clock.passes(60)
    assert subscriber.receive(within_s=0) is None
    assert len(server.lines) == 1


def test_without_a_server_it_raises_and_goes_on_where_it_was(server, subscriber):
    server.publish("a")
    assert subscriber.receive().data == "a"
    server.lines[0].dead = server.away = True
    with pytest.raises(UnreachableError):
        subscriber.receive(within_s=0.1)
    server.away = False
    server.publish("b")
    assert subscriber.receive(within_s=0.1) == Gap(channel=SIGNALS.wire, first=2, last=2)


def test_without_the_counter_a_message_that_nothing_follows_is_missed_silently(server):
    """What the hardening is for."""
    bare = frozenset({"counter-read-on-resubscribe"})
    subscriber = Subscriber(server, SIGNALS, clock=server.clock, _without=bare)
    server.publish("before")
    assert subscriber.receive(within_s=0) is None
    server.publish("a")
    assert subscriber.receive(within_s=0).data == "a"
    server.lines[0].dead = True
    server.publish("missed")
    assert subscriber.receive(within_s=10) is None


@pytest.mark.parametrize("channels", [(), (SIGNALS, SIGNALS)])
def test_no_channel_and_one_twice_are_refused(server, channels):
    with pytest.raises(MisuseError):
        Subscriber(server, *channels)


@pytest.mark.parametrize("within_s", [-1, float("nan"), float("inf")])
def test_a_wait_that_cannot_be_is_refused(subscriber, within_s):
    with pytest.raises(MisuseError, match="within_s"):
        subscriber.receive(within_s=within_s)


@pytest.mark.parametrize("heartbeat_s", [0, -1, 1e9, float("nan")])
def test_a_heartbeat_that_cannot_be_is_refused(server, heartbeat_s):
    with pytest.raises(MisuseError, match="heartbeat_s"):
        Subscriber(server, SIGNALS, heartbeat_s=heartbeat_s)
