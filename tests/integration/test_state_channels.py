"""Channels on a real Redis: numbers, gaps after a lost connection, resets, resync; sync and asyncio."""

from __future__ import annotations

import asyncio

import pytest
import redis
from small_servers import SERVER, started
from state_twins import TWINS, connected

from pytest_arbredis._clock import wait_until
from pytest_arbredis.state.channels.channel import Channel
from pytest_arbredis.state.channels.events import Gap, Message, Reset
from pytest_arbredis.state.channels.publisher import AsyncPublisher, Publisher
from pytest_arbredis.state.channels.subscriber import AsyncSubscriber, Subscriber
from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.errors import CorruptedError, UnavailableError

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")

TICKS = Channel(scope="live", name="market_data", of="EURUSD")
SIGNALS = Channel(scope="live", name="trade_signals")


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
def plain(port):
    with redis.Redis(port=port) as plain:
        yield plain


@pytest.fixture(params=TWINS)
def make(request, port):
    with connected(request.param, port) as (make, _):
        yield make


@pytest.fixture
def publisher(make):
    return make(Publisher, AsyncPublisher)


@pytest.fixture
def subscribed(make):
    made = []

    def subscribe(*channels, **options):
        made.append(make(Subscriber, AsyncSubscriber, *channels, **options))
        assert made[-1].receive(within_s=0) is None
        return made[-1]

    yield subscribe
    for one in made:
        one.close()


def drained(subscriber):
    found = []
    while (event := subscriber.receive(within_s=0.05)) is not None:
        found.append(event)
    return found


def cut(plain):
    """End all subscriptions, as a reset or a failover does."""
    plain.client_kill_filter(_type="pubsub")


def test_messages_come_with_their_numbers(publisher, subscribed):
    subscriber = subscribed(TICKS, SIGNALS)
    for bid in (1, 2):
        publisher.publish(TICKS, {"bid": bid})
    publisher.publish(SIGNALS, "buy")
    assert drained(subscriber) == [
        Message(channel=TICKS.wire, number=1, data={"bid": 1}),
        Message(channel=TICKS.wire, number=2, data={"bid": 2}),
        Message(channel=SIGNALS.wire, number=1, data="buy"),
    ]


def test_what_was_published_while_disconnected_is_told_though_nothing_follows(publisher, subscribed, plain):
    subscriber = subscribed(TICKS)
    publisher.publish(TICKS, 1)
    assert len(drained(subscriber)) == 1
    cut(plain)
    for bid in (2, 3):
        publisher.publish(TICKS, bid)
    assert drained(subscriber) == [Gap(channel=TICKS.wire, first=2, last=3)]
    publisher.publish(TICKS, 4)
    assert drained(subscriber) == [Message(channel=TICKS.wire, number=4, data=4)]


def test_a_closed_subscriber_goes_on_where_it_was(publisher, subscribed):
    subscriber = subscribed(TICKS)
    publisher.publish(TICKS, 1)
    drained(subscriber)
    subscriber.close()
    publisher.publish(TICKS, 2)
    assert drained(subscriber) == [Gap(channel=TICKS.wire, first=2, last=2)]


def test_a_server_that_forgot_is_told_as_a_reset(publisher, subscribed, plain):
    """As after a failover: the counter goes back, and another replication id counts."""
    subscriber = subscribed(TICKS)
    publisher.publish(TICKS, 1)
    publisher.publish(TICKS, 2)
    drained(subscriber)
    plain.flushall()
    plain.replicaof("127.0.0.1", 1)
    plain.replicaof("NO", "ONE")
    publisher.publish(TICKS, "anew")
    assert drained(subscriber) == [
        Reset(channel=TICKS.wire),
        Message(channel=TICKS.wire, number=1, data="anew"),
    ]


def test_a_counter_that_was_flushed_and_came_as_far_again_is_told_as_a_reset(publisher, subscribed, plain):
    subscriber = subscribed(TICKS)
    for said in (1, 2):
        publisher.publish(TICKS, said)
    drained(subscriber)
    cut(plain)
    plain.flushall()
    for said in ("anew", "missed"):
        publisher.publish(TICKS, said)
    assert drained(subscriber) == [Reset(channel=TICKS.wire)]


def test_the_state_is_read_again_at_each_gap(port, plain):
    read = []

    async def run():
        async with AsyncStateRedis.from_url(f"redis://127.0.0.1:{port}/0") as state:
            publisher = AsyncPublisher(state)

            async def resync(channel):
                read.append((channel, await publisher.last(TICKS)))

            async with AsyncSubscriber(state, TICKS, resync=resync) as subscriber:
                assert await subscriber.receive(within_s=0) is None
                await publisher.publish(TICKS, "before")
                assert (await subscriber.receive()).data == "before"
                cut(plain)
                await publisher.publish(TICKS, "missed")
                assert isinstance(await subscriber.receive(), Gap)

    plain.flushall()
    asyncio.run(run())
    assert read == [(TICKS.wire, "missed")]


def test_environments_and_symbols_are_apart(publisher, subscribed):
    subscriber = subscribed(TICKS)
    publisher.publish(Channel(scope="paper", name="market_data", of="EURUSD"), "paper")
    publisher.publish(Channel(scope="live", name="market_data", of="GBPUSD"), "pound")
    assert drained(subscriber) == []


def test_a_message_of_somebody_else_is_an_error(subscribed, plain):
    subscriber = subscribed(TICKS)
    plain.publish(TICKS.wire, "not ours")
    with pytest.raises(CorruptedError, match="none of this layer's"):
        subscriber.receive()


def test_a_subscriber_without_redis_says_so(tmp_path, make):  # noqa: ARG001 - it is the port that matters
    from pytest_arbredis.state.connections.redis import StateRedis

    with started(tmp_path) as port:
        state = StateRedis.from_url(f"redis://127.0.0.1:{port}/0")
        subscriber = Subscriber(state, TICKS, heartbeat_s=0.1)
        assert subscriber.receive(within_s=0) is None
    with pytest.raises(UnavailableError):
        wait_until(lambda: subscriber.receive(within_s=0.1), within_s=5, what="an error")
    subscriber.close()
    state.close()
