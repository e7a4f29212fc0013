"""The fenced lock on a real Redis: one holder, its owner, tokens, lost replies, the resource; sync and asyncio."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import pytest
import redis
from lossy import Lossy
from small_servers import SERVER, started
from state_twins import TWINS, connected

from pytest_arbredis._clock import wait_until
from pytest_arbredis.state.clock import SYSTEM_CLOCK
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.errors import ConflictError, ConnectionLostError, StateError, UnknownPrimaryError
from pytest_arbredis.state.locks.lock import AsyncFencedLock, AsyncFencedResource, FencedLock, FencedResource
from pytest_arbredis.state.locks.reign import Reign
from pytest_arbredis.state.locks.token import Held, Token

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
def plain(port):
    with redis.Redis(port=port) as plain:
        plain.flushall()
        yield plain


@pytest.fixture(params=TWINS)
def make(request, port):
    with connected(request.param, port) as (make, _):
        yield make


@pytest.fixture
def lock_of(make):
    return lambda **options: make(FencedLock, AsyncFencedLock, "trades", **options)


@pytest.fixture
def resource(make):
    return make(FencedResource, AsyncFencedResource, "account")


@dataclass
class Told:
    """A reign that the test tells."""

    epoch: int = 1
    run_id: str = ""

    def present(self):
        return Reign(epoch=self.epoch, run_id=self.run_id)


def test_one_has_it_and_the_other_is_told_for_how_long(lock_of):
    first = lock_of(ttl_s=5)
    held = first.acquire()
    with pytest.raises(ConflictError, match="held by another for") as refused:
        lock_of().acquire()
    assert refused.value.applied == "no"
    assert 4 < held.left_s < 5
    assert not held.lost
    assert first.release(held)
    assert lock_of().acquire().token > held.token


def test_a_late_holder_does_not_release_what_is_anothers(lock_of, plain):
    first, second = lock_of(), lock_of()
    late = first.acquire()
    plain.delete("lock:trades")  # its time is over
    held = second.acquire()
    assert not first.release(late)
    with pytest.raises(ConflictError, match="was lost"):
        first.extend(late)
    assert second.extend(held).token == held.token


def test_it_ends_by_itself(lock_of):
    held = lock_of(ttl_s=0.05).acquire()
    later = wait_until(lambda: _acquired(lock_of()), within_s=5, what="the lock to end")
    assert later.token > held.token
    assert held.lost


def _acquired(lock):
    try:
        return lock.acquire()
    except ConflictError:
        return None


def test_the_resource_refuses_an_older_token(resource):
    resource.write(Token(2, 1), "new")
    with pytest.raises(ConflictError, match="has seen the token 2, 1; 1, 99 is older"):
        resource.write(Token(1, 99), "old")
    resource.write(Token(2, 1), "again")
    assert resource.read() == (b"again", Token(2, 1))


def test_a_resource_that_was_never_written_is_empty(resource, plain):  # noqa: ARG001 - it empties the server
    assert resource.read() == (None, None)


def test_tokens_grow_though_a_failover_lost_the_counter(port, plain):
    """The counter goes back, as it does when a replica is promoted that had not received it; the epoch does not."""
    reign = Told(epoch=3)
    with StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as state:
        tokens = []
        for epoch in (3, 3, 4, 4):
            reign.epoch = epoch
            if epoch == 4 and tokens[-1].epoch == 3:
                plain.hset("lock:trades:fence", "counter", 0)
            lock = FencedLock(state, "trades", reigns=reign)
            held = lock.acquire()
            lock.release(held)
            tokens.append(held.token)
    assert tokens == sorted(set(tokens))
    assert tokens == [(3, 1), (3, 2), (4, 1), (4, 2)]


def test_a_server_that_is_no_primary_of_that_epoch_gives_no_token(port, plain):
    with StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as state:
        lock = FencedLock(state, "trades", reigns=Told(epoch=4, run_id="0" * 40))
        with pytest.raises(UnknownPrimaryError, match="know as no primary of epoch 4"):
            lock.acquire()
        assert plain.keys("*") == []
        right = FencedLock(state, "trades", reigns=Told(epoch=4, run_id=plain.info("server")["run_id"]))
        assert right.acquire().token == (4, 1)


def test_an_epoch_that_is_behind_gives_no_token(port, plain):
    with StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as state:
        ahead, behind = (FencedLock(state, "trades", reigns=Told(epoch=epoch)) for epoch in (5, 4))
        ahead.release(ahead.acquire())
        with pytest.raises(UnknownPrimaryError):
            behind.acquire()
        assert not plain.exists("lock:trades")


def test_an_acquire_whose_reply_was_lost_is_found_again(port, plain):
    with StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as state:
        lossy = Lossy(state)
        lock = FencedLock(lossy, "trades")
        lossy.loses = 0
        with pytest.raises(ConnectionLostError):
            lock.acquire()
        held = lock.acquire()
        assert held.token == (0, 1)
        assert lock.release(held)
        assert not plain.exists("lock:trades")
        assert lock.acquire().owner != held.owner


def test_what_is_found_again_after_a_failover_has_a_token_of_the_new_reign(port, plain):
    """A replica that lags, with a clock behind, still has what was acquired; another has had a newer token since."""
    reign = Told(epoch=1)
    with StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as state:
        lossy = Lossy(state)
        first, second = FencedLock(lossy, "trades", reigns=reign), FencedLock(state, "trades", reigns=reign)
        lossy.loses = 0
        with pytest.raises(ConnectionLostError):
            first.acquire()
        on_the_replica = plain.get("lock:trades")
        plain.delete("lock:trades")
        newer = second.acquire().token
        plain.set("lock:trades", on_the_replica, px=10_000)
        reign.epoch = 2
        held = first.acquire()
        assert held.token > newer
        assert first.extend(held).token == held.token
        assert first.release(held)


@pytest.mark.parametrize(
    "strange", [("RPUSH", "x"), ("SET", "x"), ("HSET", "epoch", "x", "counter", "x", "value", "x")]
)
@pytest.mark.parametrize("key", ["lock:trades", "lock:trades:fence", "resource:account"])
def test_what_others_wrote_gives_no_lock_and_stays(lock_of, resource, plain, key, strange):
    plain.execute_command(strange[0], key, *strange[1:])
    before, lock = plain.dump(key), lock_of()
    held = Held(name="trades", owner="x", token=Token(9, 9), expires_ns=0, clock=SYSTEM_CLOCK)
    calls = {
        "lock:trades": (lock.acquire, lambda: lock.extend(held), lambda: lock.release(held)),
        "lock:trades:fence": (lock.acquire,),
        "resource:account": (resource.read, lambda: resource.write(Token(9, 9), "y")),
    }
    for call in calls[key]:
        with suppress(StateError):
            assert call() is False
    assert (plain.dump(key), plain.keys("*")) == (before, [key.encode()])
