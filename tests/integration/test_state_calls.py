"""Calls of the state layer on one real server: replies, deadlines, what is sent twice, what goes back to the pool."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from dataclasses import replace

import pytest
import redis
from small_servers import SERVER, free_port, started

from pytest_arbredis.state.asks import Batch, Call, Command, Confirm, Transaction
from pytest_arbredis.state.breaker.policy import BreakerPolicy
from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.deadline import deadline
from pytest_arbredis.state.errors import (
    ConflictError,
    ConnectionLostError,
    DeadlineExceededError,
    MisuseError,
    NotConfirmedError,
    OutOfMemoryError,
    PoolExhaustedError,
    RejectedError,
    UnreachableError,
    WrongTypeError,
)
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.scripts import Script

pytestmark = pytest.mark.skipif(SERVER is None, reason="redis-server is not on PATH")

ECHO = Script("echo", "return {KEYS[1], ARGV[1]}")


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
def settings(port):
    with redis.Redis(port=port) as client:
        client.flushall()
        client.script_flush()
    return Settings(address=("127.0.0.1", port))


def one(*args, **how):
    return (yield Command(*args, **how))


def asking(ask):
    return (yield ask)


@pytest.fixture(params=["threads", "asyncio"])
def ran(request):
    """Runs plans one after the other on one pool: by threads, or on an event loop."""

    def by_threads(settings, *plans, **how):
        with StateRedis(settings) as state:
            results = [state.run(plan, **how) for plan in plans]
            assert state.calls.pool.free == settings.max_connections
            return results

    def on_a_loop(settings, *plans, **how):
        async def run():
            async with AsyncStateRedis(settings) as state:
                results = [await state.run(plan, **how) for plan in plans]
                assert state.calls.pool.free == settings.max_connections
                return results

        return asyncio.run(run())

    return by_threads if request.param == "threads" else on_a_loop


def test_replies_are_bytes_numbers_lists_and_none(ran, settings):
    assert ran(
        settings,
        one("SET", "k", 1),
        one("INCRBY", "k", 2),
        one("GET", "k"),
        one("GET", "absent"),
        one("HSET", "h", "f", b"\x00\r\n\xff"),
        one("HGETALL", "h"),
    ) == [b"OK", 3, b"3", None, 1, [b"f", b"\x00\r\n\xff"]]


def test_a_transaction_gives_the_list_of_its_replies(ran, settings):
    assert ran(settings, asking(Transaction(("INCR", "n"), ("GET", "n")))) == [[1, b"1"]]


def test_errors_of_a_batch_stand_in_it_as_values(ran, settings):
    ((was_set, wrong, got),) = ran(settings, asking(Batch(("SET", "k", "v"), ("LPOP", "k"), ("GET", "k"))))
    assert (was_set, got) == (b"OK", b"v")
    assert isinstance(wrong, WrongTypeError)
    assert wrong.applied == "no"


def test_a_script_that_the_server_forgot_is_loaded_again(ran, settings, port):
    def twice():
        first = yield Call(ECHO, ("k",), ("a",))
        with redis.Redis(port=port) as client:
            client.script_flush()
        return first, (yield Call(ECHO, ("k",), ("b",)))

    assert ran(settings, twice()) == [([b"k", b"a"], [b"k", b"b"])]


def test_an_error_inside_exec_leaves_the_rest_applied(ran, settings):
    with pytest.raises(RejectedError) as raised:
        ran(settings, asking(Transaction(("SET", "a", 1), ("LPUSH", "a", 1), ("SET", "b", 1))))
    assert raised.value.applied == "unknown"


def test_a_transaction_that_was_not_queued_did_nothing(ran, settings):
    with pytest.raises(RejectedError) as raised:
        ran(settings, asking(Transaction(("SET", "a", 1), ("SET", "a"))))
    assert raised.value.applied == "no"


def test_a_watched_key_that_changed_is_a_conflict(ran, settings, port):
    def optimistic():
        yield Command("WATCH", "k")
        with redis.Redis(port=port) as client:
            client.set("k", "other")
        yield Transaction(("SET", "k", "mine"))

    with pytest.raises(ConflictError) as raised:
        ran(settings, optimistic())
    assert raised.value.applied == "no"


def test_an_error_of_a_script_may_have_applied_something(ran, settings):
    half = Script("half", "redis.call('SET', KEYS[1], '1') return redis.call('LPUSH', KEYS[1], '2')")
    with pytest.raises(RejectedError) as raised:
        ran(settings, asking(Call(half, ("k",))))
    assert raised.value.applied == "unknown"


def test_a_write_that_no_replica_confirms_is_applied_and_said_so(ran, settings):
    def confirmed():
        yield Command("SET", "k", 1)
        yield Confirm(1, 20)

    with pytest.raises(NotConfirmedError) as raised:
        ran(settings, confirmed())
    assert (raised.value.applied, raised.value.confirmed, raised.value.wanted) == ("yes", 0, 1)


def test_a_plan_may_go_on_after_an_error(ran, settings):
    def lenient():
        yield Command("SET", "k", "v")
        try:
            yield Command("LPOP", "k")
        except WrongTypeError:
            return (yield Command("GET", "k"))

    assert ran(settings, lenient()) == [b"v"]


def test_a_connection_that_the_server_closed_is_made_again(ran, settings, port):
    def killing():
        with redis.Redis(port=port) as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        return "killed"
        yield

    assert ran(settings, one("SET", "k", 1), killing(), one("INCR", "k")) == [b"OK", "killed", 2]


def test_a_bad_argument_is_refused_before_anything_is_sent(ran, settings):
    with pytest.raises(MisuseError, match="NoneType"):
        ran(settings, one("SET", "k", None))


def test_nobody_listens_is_certain_and_quick(ran):
    began = time.monotonic()
    with pytest.raises(UnreachableError) as raised:
        ran(Settings(address=("127.0.0.1", free_port())), one("INCR", "k"))
    assert raised.value.applied == "no"
    assert time.monotonic() - began < 1


def test_a_server_that_stalls_holds_nobody_beyond_the_deadline(ran, settings, port):
    with redis.Redis(port=port) as client:
        client.execute_command("CLIENT", "PAUSE", 600)
        began = time.monotonic()
        with pytest.raises(DeadlineExceededError) as raised:
            ran(settings, one("SET", "k", 1), within_s=0.2)
        assert 0.19 <= time.monotonic() - began < 0.35
        assert raised.value.applied == "no", "it stalled in the handshake: nothing of ours was sent"
        client.execute_command("CLIENT", "UNPAUSE")


def test_a_command_that_stalls_has_an_unknown_outcome(ran, settings, port):
    def stalling():
        yield Command("PING")
        with redis.Redis(port=port) as client:
            client.execute_command("CLIENT", "PAUSE", 300)
        yield Command("SET", "k", 1)

    with pytest.raises(DeadlineExceededError) as raised:
        ran(settings, stalling(), within_s=0.1)
    assert raised.value.applied == "unknown"


def test_a_deadline_around_two_calls_holds_for_both(ran, settings):
    def blocking(seconds):
        yield Command("BLPOP", "nothing", seconds, blocks_s=seconds)

    began = time.monotonic()
    with pytest.raises(DeadlineExceededError), deadline(0.3):
        ran(settings, blocking(0.2), blocking(0.2))
    assert 0.29 <= time.monotonic() - began < 0.45


def test_a_command_that_blocks_is_given_its_time_on_top(ran, settings):
    began = time.monotonic()
    assert ran(settings, one("BLPOP", "nothing", 2.1, blocks_s=2.1), kind=Kind.FAST) == [None]
    assert time.monotonic() - began > 2


class Trickle(threading.Thread):
    """A server that answers everything with a byte every 20 ms, for ever."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.over = threading.Event()

    def run(self):
        client, _ = self.listener.accept()
        with client:
            client.recv(4096)
            client.sendall(b"$100000\r\n")
            while not self.over.wait(0.02):
                try:
                    client.sendall(b"x")
                except OSError:
                    return


def test_bytes_that_trickle_in_buy_no_time(ran):
    server = Trickle()
    server.start()
    began = time.monotonic()
    try:
        with pytest.raises(DeadlineExceededError) as raised:
            ran(Settings(address=("127.0.0.1", server.port), keeps_state=False), one("GET", "k"), within_s=0.3)
    finally:
        server.over.set()
        server.listener.close()
    assert 0.29 <= time.monotonic() - began < 0.45
    assert raised.value.applied == "unknown"


class Losing(threading.Thread):
    """A server that reads every command, and closes without a reply."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard: list[bytes] = []

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                self.heard.append(client.recv(4096))


@pytest.mark.parametrize(("command", "times"), [(("INCR", "k"), 1), (("GET", "k"), 2)])
def test_only_what_changes_nothing_is_sent_again_when_its_reply_is_lost(ran, command, times):
    server = Losing()
    server.start()
    try:
        with pytest.raises(ConnectionLostError) as raised:
            ran(Settings(address=("127.0.0.1", server.port), keeps_state=False), one(*command))
    finally:
        server.listener.close()
    assert raised.value.applied == "unknown"
    assert len(server.heard) == times


def test_a_full_pool_is_the_callers_load_and_not_the_breakers_business(settings):
    small = Settings(address=settings.address, max_connections=1, breaker=BreakerPolicy(failures=1))
    with StateRedis(small) as state:
        holder = threading.Thread(target=state.run, args=(one("BLPOP", "nothing", 0.5, blocks_s=0.5),))
        holder.start()
        while state.calls.pool.free:
            time.sleep(0.001)
        began = time.monotonic()
        with pytest.raises(PoolExhaustedError) as raised:
            state.run(one("GET", "k"), within_s=0.1)
        assert 0.09 <= time.monotonic() - began < 0.25
        holder.join()
        assert raised.value.applied == "no"
        assert state.breaker.snapshot().transitions == 0
        assert state.run(one("GET", "k")) is None


def test_whoever_waits_gets_the_connection_that_comes_free(settings):
    small = Settings(address=settings.address, max_connections=2)
    with StateRedis(small) as state:
        done = []

        def work(number):
            for step in range(200):
                state.run(one("SET", f"{number}", step))
                done.append(int(state.run(one("GET", f"{number}"))) == step)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert done == [True] * 1600
        assert state.calls.pool.free == 2


def test_a_script_without_memory_is_refused_before_its_first_write_or_not_at_all(port, settings, ran):
    """So OOM from a script is certain. One that may write what frees memory goes on to the end."""
    sets = Script("sets", "redis.call('SET', KEYS[1], 1) return redis.call('SET', KEYS[2], 1)")
    frees = Script("frees", "redis.call('DEL', KEYS[1]) return redis.call('SET', KEYS[2], 1)")
    with redis.Redis(port=port) as client:
        client.set("there", "before")
        client.config_set("maxmemory", 1)
        try:
            with pytest.raises(OutOfMemoryError) as raised:
                ran(settings, asking(Call(sets, ("one", "two"))))
            assert raised.value.applied == "no"
            with pytest.raises(OutOfMemoryError) as raised:
                ran(settings, asking(Command("EVAL", sets.source, 2, "one", "two")))
            assert raised.value.applied == "no"
            assert ran(settings, asking(Call(frees, ("there", "two")))) == [b"OK"]
        finally:
            client.config_set("maxmemory", 0)
        assert client.keys() == [b"two"]


def test_a_full_pool_says_nothing_of_redis(settings):
    """Refused for want of a connection: nothing was sent, and the breaker stays closed."""
    with StateRedis(replace(settings, max_connections=1, breaker=BreakerPolicy(failures=1))) as state:
        seat = state.calls.pool.take()
        with pytest.raises(PoolExhaustedError) as raised:
            state.run(one("PING"), within_s=0.02)
        state.calls.pool.give(seat)
        assert raised.value.applied == "no"
        assert state.breaker.snapshot().transitions == 0
