"""The cache before a database, on a real Redis; threads and asyncio."""

from __future__ import annotations

import asyncio
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from small_servers import free_port, started
from state_twins import TWINS, Blocking, connected

from pytest_arbredis._clock import wait_until
from pytest_arbredis.state.cache.aio import AsyncCache
from pytest_arbredis.state.cache.cache import Cache
from pytest_arbredis.state.cache.policy import CachePolicy
from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.errors import DatabaseBusyError, KeyRefusedError, MisuseError
from pytest_arbredis.state.keyspace.patterns import ACCOUNT, SYMBOL_SPEC

KEY = ACCOUNT.key(account_id="a1")


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(params=TWINS)
def twin(request):
    return request.param


@pytest.fixture
def at(twin, port):
    with connected(twin, port) as made:
        yield made


def gives(twin, value):
    """A load, or a store, that gives `value`, and counts how often."""
    calls = []

    def sync():
        calls.append(value)
        return value

    async def awaited():
        return sync()

    return (sync if twin == "sync" else awaited), calls


@pytest.fixture
def cache(at):
    return at[0](Cache, AsyncCache, CachePolicy(ttl_s=60, jitter=0.5), chance=random.Random(1))


def test_a_miss_is_loaded_once_and_kept_with_a_ttl(at, twin, cache):
    load, calls = gives(twin, {"balance": 1.5})
    assert cache.get_with_fallback(KEY, load) == {"balance": 1.5}
    assert cache.get_with_fallback(KEY, load) == {"balance": 1.5}
    assert len(calls) == 1
    assert 29_000 < at[1].pttl(KEY) <= 60_000
    assert at[1].get(KEY) == b'{"balance":1.5}'
    assert at[1].keys() == [KEY.encode()]


def test_a_write_goes_to_the_database_and_forgets_the_cached_value(at, twin, cache):
    cache.get_with_fallback(KEY, gives(twin, 1)[0])
    store, calls = gives(twin, "row")
    written = cache.write(KEY, store)
    assert (written.value, written.invalidated, written.stale_s) == ("row", True, 0.0)
    assert calls == ["row"]
    assert at[1].keys() == []
    assert cache.get_with_fallback(KEY, gives(twin, 2)[0]) == 2


def test_a_failed_load_is_the_callers_and_leaves_no_lease(at, twin, cache):
    def fails():
        raise LookupError("no such account")

    async def fails_awaited():
        fails()

    with pytest.raises(LookupError):
        cache.get_with_fallback(KEY, fails if twin == "sync" else fails_awaited)
    assert at[1].keys() == []


def test_what_the_cache_cannot_read_is_loaded_again(at, twin, cache):
    at[1].set(KEY, "{broken")
    assert cache.get_with_fallback(KEY, gives(twin, 3)[0]) == 3
    assert at[1].get(KEY) == b"3"


def test_a_key_outside_of_the_keyspace_and_bad_policies_are_refused(twin, cache):
    with pytest.raises(KeyRefusedError):
        cache.get_with_fallback("whatever it is", gives(twin, 1)[0])
    with pytest.raises(KeyRefusedError):
        cache.write("user:u1:api:keys", gives(twin, 1)[0])
    for wrong in ({"ttl_s": 0}, {"jitter": 1}, {"database_at_once": 0}, {"lease_s": float("nan")}):
        with pytest.raises(MisuseError):
            CachePolicy(**wrong)


def test_each_kind_of_key_has_its_own_ttl(at, twin):
    cache = at[0](Cache, AsyncCache, CachePolicy(jitter=0))
    cache.get_with_fallback(SYMBOL_SPEC.key(symbol="BTC"), gives(twin, 1)[0])
    assert 3_590_000 < at[1].pttl("symbol:BTC") <= 3_600_000


def test_without_redis_the_database_answers_and_a_write_says_that_readers_may_be_stale(twin):
    url = f"redis://127.0.0.1:{free_port()}/0"
    policy = CachePolicy(ttl_s=30)
    load, store = gives(twin, 7)[0], gives(twin, "row")[0]
    if twin == "sync":
        with StateRedis.from_url(url) as state:
            cache = Cache(state, policy)
            assert cache.get_with_fallback(KEY, load) == 7
            written = cache.write(KEY, store)
    else:
        with asyncio.Runner() as runner:
            state = AsyncStateRedis.from_url(url)
            cache = Blocking(AsyncCache(state, policy), runner)
            assert cache.get_with_fallback(KEY, load) == 7
            written = cache.write(KEY, store)
            runner.run(state.close())
    assert (written.value, written.invalidated, written.stale_s) == ("row", False, 30)


def test_a_lost_invalidation_is_repeated_before_anything_else_is_asked(port):
    with connected("sync", port) as (make, plain):
        cache = make(Cache, AsyncCache, CachePolicy(ttl_s=60))
        cache.get_with_fallback(KEY, lambda: "old")
        good = cache._redis
        with StateRedis.from_url(f"redis://127.0.0.1:{free_port()}/0") as dead:
            cache._redis = dead
            assert cache.write(KEY, lambda: "new").invalidated is False
            assert cache.get_with_fallback(KEY, lambda: "new") == "new"
        assert plain.get(KEY) == b'"old"'
        cache._redis = good
        assert cache.get_with_fallback(SYMBOL_SPEC.key(symbol="BTC"), lambda: 1) == 1
        assert plain.get(KEY) is None


@pytest.mark.parametrize("without", [frozenset(), frozenset({"lease"})])
def test_a_slow_reader_cannot_put_back_what_a_write_replaced(port, without):
    """It has read the database, then somebody writes and invalidates, then it comes back; without leases it can."""
    with connected("sync", port) as (make, plain):
        cache = make(Cache, AsyncCache, CachePolicy(ttl_s=60), _without=without)
        row = ["old"]

        def slow():
            seen = row[0]
            cache.write(KEY, lambda: row.__setitem__(0, "new"))
            return seen

        assert cache.get_with_fallback(KEY, slow) == "old"
        assert (plain.get(KEY) == b'"old"') is bool(without)


@pytest.mark.parametrize("without", [frozenset(), frozenset({"single-flight"})])
@pytest.mark.parametrize("processes", [1, 4])
def test_eight_readers_of_one_missing_key_load_it_once(port, processes, without):
    """In one process or, with a cache each, as in four; without single flight everybody loads."""
    with connected("sync", port) as (make, _):
        policy = CachePolicy(ttl_s=60, database_at_once=8)
        caches = [make(Cache, AsyncCache, policy, _without=without) for _ in range(processes)]
        loads = []
        everybody_is_here = threading.Barrier(8)
        first = threading.Event()

        def load():
            loads.append(1)
            first.set()
            if without:
                wait_until(lambda: len(loads) == 8, within_s=10, what="all to load")
            return len(loads)

        def read(number):
            everybody_is_here.wait()
            return caches[number % processes].get_with_fallback(KEY, load)

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(read, range(8)))
        assert len(loads) == (8 if without else 1)
        assert without or set(found) == {1}


def test_eight_tasks_load_once_and_share_it(port):
    async def run():
        state = AsyncStateRedis.from_url(f"redis://127.0.0.1:{port}/0")
        cache = AsyncCache(state, CachePolicy(ttl_s=60))
        loads = []

        async def load():
            loads.append(1)
            await asyncio.sleep(0)
            return "value"

        found = await asyncio.gather(*(cache.get_with_fallback(KEY, load) for _ in range(8)))
        await state.close()
        return found, loads

    with redis.Redis(port=port) as plain:
        plain.flushall()
    found, loads = asyncio.run(run())
    assert found == ["value"] * 8
    assert len(loads) == 1


def test_the_database_is_asked_by_no_more_than_the_limit(twin):
    """Redis is away, the one place is taken: the next reader of another key is told so."""
    url = f"redis://127.0.0.1:{free_port()}/0"
    policy = CachePolicy(ttl_s=30, database_at_once=1)
    other = ACCOUNT.key(account_id="a2")
    if twin == "sync":
        with StateRedis.from_url(url) as state:
            cache = Cache(state, policy)
            with pytest.raises(DatabaseBusyError, match="1 loads"):
                cache.get_with_fallback(KEY, lambda: cache.get_with_fallback(other, lambda: 1, within_s=0.3))
    else:

        async def run():
            state = AsyncStateRedis.from_url(url)
            cache = AsyncCache(state, policy)

            async def one():
                return 1

            try:
                await cache.get_with_fallback(KEY, lambda: cache.get_with_fallback(other, one, within_s=0.3))
            finally:
                await state.close()

        with pytest.raises(DatabaseBusyError, match="1 loads"):
            asyncio.run(run())


def test_values_loaded_together_do_not_expire_together(port):
    with connected("sync", port) as (make, plain):
        for without, spread in ((frozenset(), True), (frozenset({"jitter"}), False)):
            plain.flushall()
            cache = make(
                Cache, AsyncCache, CachePolicy(ttl_s=100, jitter=0.5), chance=random.Random(3), _without=without
            )
            for number in range(20):
                cache.get_with_fallback(ACCOUNT.key(account_id=f"a{number}"), lambda: 1)
            left = [plain.pttl(ACCOUNT.key(account_id=f"a{number}")) for number in range(20)]
            assert max(left) <= 100_000
            assert min(left) > 49_000
            assert (max(left) - min(left) > 20_000) is spread
