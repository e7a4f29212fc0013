"""What a holder knows by itself: how long it has the lock, which token is newer, whose reign it is."""

from __future__ import annotations

import pytest

from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.errors import ConflictError, ConnectionLostError, KeyRefusedError, MisuseError
from pytest_arbredis.state.locks.lock import FencedLock, FencedResource
from pytest_arbredis.state.locks.reign import OneReign, Reign, SentinelReigns, _reign, reigns_of
from pytest_arbredis.state.locks.token import Held, Token, expires_ns


class Clock:
    ns = 0

    def monotonic_ns(self):
        return self.ns

    def wall_ns(self):
        return self.ns


class Answers:
    """Notes whom each acquire is for, and answers in turn."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.owners = []

    def run(self, plan, **_):
        self.owners.append(next(plan).args[0])
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            plan.close()
            raise reply
        try:
            plan.send(reply)
        except StopIteration as done:
            return done.value
        return pytest.fail("it asks for more")


def test_a_later_reign_is_newer_than_any_counter():
    assert Token(2, 1) > Token(1, 10**9)
    assert Token(2, 2) > Token(2, 1)


def test_the_holder_gives_up_before_redis_does():
    clock = Clock()
    held = Held(name="l", owner="me", token=Token(1, 1), expires_ns=expires_ns(0, 1.0), clock=clock)
    assert held.left_s == pytest.approx(0.988)
    clock.ns = 988_000_000
    assert held.lost
    assert held.left_s == 0


def test_the_owner_is_not_shown():
    held = Held(name="l", owner="secret", token=Token(1, 1), expires_ns=1, clock=Clock())
    assert "secret" not in repr(held)


def test_an_acquire_without_a_reply_is_asked_again_for_the_same_owner_until_it_is_known():
    redis = Answers(ConnectionLostError("lost"), ConnectionLostError("refused", applied="no"), [1, 0, 7], [1, 0, 8])
    lock = FencedLock(redis, "l")
    for _ in range(2):
        with pytest.raises(ConnectionLostError):
            lock.acquire()
    assert lock.acquire().token == (0, 7)
    assert lock.acquire().token == (0, 8)
    first, second, third, fourth = redis.owners
    assert first == second == third != fourth


def test_an_acquire_that_was_refused_is_asked_again_for_another_owner():
    redis = Answers([0, 50], [1, 0, 1])
    lock = FencedLock(redis, "l")
    with pytest.raises(ConflictError, match="for 50 ms at most"):
        lock.acquire()
    lock.acquire()
    assert len(set(redis.owners)) == 2


def test_a_lock_without_an_end_that_something_else_wrote_is_told_as_such():
    lock = FencedLock(Answers([0, -1]), "l")
    with pytest.raises(ConflictError, match="without an end") as refused:
        lock.acquire()
    assert "lock:l" in refused.value.remedy
    assert "ms" not in refused.value.cause


@pytest.mark.parametrize("ttl_s", [0, 0.001, -1, 1e9, float("nan")])
def test_a_time_to_live_that_cannot_be_kept_is_refused(ttl_s):
    with pytest.raises(MisuseError, match="ttl_s"):
        FencedLock(None, "l", ttl_s=ttl_s)


def test_a_bad_name_is_refused():
    with pytest.raises(KeyRefusedError, match="lock_name"):
        FencedLock(Answers(), "a b").acquire()
    with pytest.raises(KeyRefusedError, match="resource_name"):
        FencedResource(Answers(), "a:b").write(Token(1, 1), "x")


def test_an_unknown_hardening_is_refused():
    with pytest.raises(MisuseError, match="no such hardening"):
        FencedLock(None, "l", _without=frozenset({"luck"}))


def test_a_reign_is_read_from_what_a_sentinel_says():
    words = [b"name", b"m", b"runid", b"abc", b"config-epoch", b"7"]
    assert _reign(words) == [Reign(epoch=7, run_id="abc")]
    assert _reign({"runid": "abc", "config-epoch": "7"}) == [Reign(epoch=7, run_id="abc")]
    assert _reign([b"runid", b"", b"config-epoch", b"7"]) == [], "it does not know the new primary yet"


def test_without_sentinels_there_is_one_reign():
    assert isinstance(reigns_of(Settings()), OneReign)
    assert isinstance(reigns_of(Settings(sentinels=(("127.0.0.1", 26379),))), SentinelReigns)
    assert OneReign().present() == Reign(epoch=0, run_id="")
