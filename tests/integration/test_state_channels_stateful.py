"""Any sequence of publishing, cuts, flushes, restarts and polls: whatever a subscriber missed, it was told of.

Replies to publishers are lost, and things happen between a subscription and the reading of the counters, too.
"""

from __future__ import annotations

import time

import hypothesis.strategies as st
import pytest
import redis
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from lossy import Lossy
from machines import found_out, outcome, played
from restarting import Server
from small_servers import SERVER
from tide import Beside

from pytest_arbredis._clock import wait_until
from pytest_arbredis.state.channels.channel import Channel
from pytest_arbredis.state.channels.events import Gap, Message, Reset
from pytest_arbredis.state.channels.plans import HARDENINGS
from pytest_arbredis.state.channels.publisher import Publisher
from pytest_arbredis.state.channels.subscriber import Subscriber
from pytest_arbredis.state.channels.tracking import Counter
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.errors import ConnectionLostError, UnavailableError

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")

TICKS, OF_OTHERS = (Channel(scope=scope, name="market_data", of="EURUSD") for scope in ("live", "paper"))
STRIKES = st.none() | st.tuples(
    st.sampled_from(["publish", "publish", "cut", "flush", "restart", "cut and publish", "flush and publish"]),
    st.integers(0, 1),
)
"""What happens during a poll, and before which reading of the counters."""


class Ahead:
    """The subscriber's clock."""

    ahead_s = 0

    def monotonic_ns(self):
        return time.monotonic_ns() + int(self.ahead_s * 1e9)


def machine_on(server, state, plain, without=frozenset()):
    class Channels(RuleBasedStateMachine):
        """`numbers` is of every message (its data) the number it was given; `at` is how far the subscriber must be."""

        @initialize()
        def subscribe(self):
            plain.flushall()
            self.lossy, self.clock = Lossy(state), Ahead()
            self.publisher = Publisher(self.lossy, _without=without)
            self.said, self.numbers, self.heard, self.read_again = 0, {}, [], []
            self.last, self.anew, self.fine, self.strike = None, False, True, None
            beside = Beside(state, self.befalls, every=1)
            self.subscriber = Subscriber(
                beside, TICKS, clock=self.clock, resync=self.read_again.append, _without=without
            )
            self.at = self.counter()
            assert self.events() == []

        @rule(times=st.integers(1, 3), loses=st.booleans())
        def publish(self, *, times=1, loses=False):
            for _ in range(times):
                self.said += 1
                self.lossy.loses = 0 if loses else None
                _, error = outcome(lambda: self.publisher.publish(TICKS, self.said, within_s=60))
                self.lossy.loses = None
                assert type(error) is (ConnectionLostError if loses else type(None))
                self.numbers[self.said] = self.counter().number
                self.last = self.said

        @rule()
        def others_publish(self):
            """The same channel of another scope."""
            Publisher(state, _without=without).publish(OF_OTHERS, "of others", within_s=60)

        @rule()
        def cut(self):
            plain.client_kill_filter(_type="pubsub")

        @rule()
        def flush(self):
            plain.flushall()
            self.anew, self.last = True, None

        @rule()
        def restart(self):
            server.kill()
            server.start()
            self.anew = True

        @rule()
        def read_the_last(self):
            assert "sequence-numbers" in without or self.publisher.last(TICKS, within_s=60) == self.last

        @rule(strike=STRIKES)
        def poll(self, strike):
            before, told_of = self.at, len(self.read_again)
            self.fine, self.strike = False, strike
            events = self.events()
            self.strike = None
            now = self.at = self.counter()
            self.are_true(events)
            assert len(self.read_again) - told_of == sum(not isinstance(event, Message) for event in events)
            resets = [place for place, event in enumerate(events) if isinstance(event, Reset)]
            if not now.continues(before) or resets:
                assert resets
                assert self.anew
                numbers = in_turn(events[resets[-1] + 1 :])
                assert not numbers or numbers == [*range(numbers[0], now.number + 1)]
            else:
                assert in_turn(events) == [*range(before.number + 1, now.number + 1)]
            self.anew, self.fine = False, True

        def teardown(self):
            if not hasattr(self, "subscriber"):
                return
            try:
                if self.fine:
                    self.poll(None)
            finally:
                self.subscriber.close()

        def are_true(self, events):
            """Whatever is heard was said, with that number, and is heard once and in its turn."""
            for event in events:
                if isinstance(event, Message):
                    assert self.numbers.get(event.data) == event.number
                    assert event.data > (self.heard or [0])[-1]
                    self.heard.append(event.data)

        def events(self):
            """All that comes until a sign of life brings nothing: it may leave a counter in doubt, but not the next."""
            found, more = [], True
            while more:
                more = self.events_of_a_sign_of_life()
                found += more
            return found

        def events_of_a_sign_of_life(self):
            self.clock.ahead_s += 1
            known, found = self.subscriber._known, []
            pings = known.pings

            def looked():
                event, error = outcome(lambda: self.subscriber.receive(within_s=0.001))
                assert error is None or (isinstance(error, UnavailableError) and self.strike)
                if event is not None:
                    found.append(event)
                return event is None and known.pings > pings and known.connected and not known.waits_for

            wait_until(looked, within_s=60, what="a sign of life")
            return found

        def counter(self):
            """How far the channel is, as Redis has it."""
            number, born = plain.hmget(TICKS.key, "number", "born")
            epoch = plain.info("replication")["master_replid"]
            return Counter(epoch=epoch, number=int(number or 0), born=(born or b"").decode())

        def befalls(self, _):
            """Called before each reading of the counters."""
            if self.strike is None:
                return
            what, number = self.strike
            self.strike = (what, number - 1)
            for one in what.split(" and ") if number == 0 else ():
                getattr(self, one)()

    return Channels


def in_turn(events):
    """The numbers that events tell of."""
    numbers = []
    for event in events:
        numbers += range(event.first, event.last + 1) if isinstance(event, Gap) else [event.number]
    return numbers


@pytest.fixture
def machine(tmp_path):
    """`machine()` plays it on a server of its own; with names, without those hardenings."""
    server = Server(tmp_path)
    server.start()
    try:
        with (
            StateRedis(Settings(address=("127.0.0.1", server.port), breaker=None)) as state,
            redis.Redis(port=server.port) as plain,
        ):
            yield lambda *without: machine_on(server, state, plain, frozenset(without))
    finally:
        server.kill()


@pytest.mark.thorough
def test_a_subscriber_is_told_of_all_that_it_missed(machine):
    played(machine(), examples=25, steps=30)


@pytest.mark.parametrize("without", sorted(HARDENINGS))
def test_the_machine_finds_channels_without(machine, without):
    found_out(machine(without), steps=30)
