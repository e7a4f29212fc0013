"""The session store on a real Redis: what a save leaves, what a load gives, and what neither does."""

from __future__ import annotations

import asyncio
import inspect

import pytest
import redis

from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.errors import (
    ConflictError,
    KeyRefusedError,
    NotConfirmedError,
    OutOfMemoryError,
    TooFewReplicasError,
    WrongTypeError,
)
from pytest_arbredis.state.sessions.aio import AsyncStateStore
from pytest_arbredis.state.sessions.plans import HARDENINGS
from pytest_arbredis.state.sessions.snapshot import TornSessionError
from pytest_arbredis.state.sessions.store import StateStore

pytestmark = pytest.mark.arbredis(topology="single")

STATE = {
    "session": {"id": "s1", "started": 1.5, "live": False, "none": None, "BTC/USDT": "a symbol may be a field"},
    "positions": {"BTC": {"size": 1, "entries": [1.0, 2, "3"], "deep": {"a": [{}]}}},
    "metrics": {"trades": 2**63 - 1},
    "risk_guard": {},
}


class Awaited:
    """The asyncio store, each call in a loop that goes on."""

    def __init__(self, url, **options):
        self._loop = asyncio.new_event_loop()
        self._redis = AsyncStateRedis.from_url(url)
        self._store = AsyncStateStore(self._redis, **options)

    def __getattr__(self, name):
        method = getattr(self._store, name)
        return lambda *args, **kwargs: self._loop.run_until_complete(method(*args, **kwargs))

    def close(self):
        self._loop.run_until_complete(self._redis.close())
        self._loop.close()


class Plain(StateStore):
    def __init__(self, url, **options):
        super().__init__(StateRedis.from_url(url), **options)

    def close(self):
        self._redis.close()


@pytest.fixture(params=[Plain, Awaited])
def opened(request, redis_direct_url):
    """Opens a store, sync and asyncio in turn."""
    stores = []

    def open_(**options):
        stores.append(request.param(redis_direct_url, **options))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()


@pytest.fixture
def store(opened):
    return opened()


@pytest.fixture
def raw(redis_direct_url):
    with redis.Redis.from_url(redis_direct_url, decode_responses=True) as client:
        yield client


def key(category, env="paper", session="s1"):
    return f"arbitrage:state:{env}:{session}:{category}"


def test_a_session_comes_back_as_it_was_saved(store):
    store.save_state_to_redis("paper", "s1", STATE)
    assert store.load_state_from_redis("paper", "s1") == STATE


def test_a_session_that_was_never_saved_is_empty(store):
    assert store.load_state_from_redis("paper", "s1") == {}
    assert store.read_session("paper", "s1") is None


def test_it_lies_in_one_hash_for_each_category_with_the_designs_keys(store, raw):
    store.save_state_to_redis("live", "s1", STATE)
    assert sorted(raw.keys()) == sorted(key(category, "live") for category in STATE)
    assert raw.hget(key("positions", "live"), "BTC") == '{"size":1,"entries":[1.0,2,"3"],"deep":{"a":[{}]}}'
    assert [raw.ttl(one) for one in raw.scan_iter()] == [-1] * 4


def test_fields_and_categories_that_a_save_leaves_out_are_gone(store):
    store.save_state_to_redis("paper", "s1", STATE)
    store.save_state_to_redis("paper", "s1", {"session": {"id": "s1"}})
    assert store.load_state_from_redis("paper", "s1") == {"session": {"id": "s1"}}


def test_other_categories_can_be_kept_and_become_part_of_the_new_version(store):
    store.save_state_to_redis("paper", "s1", STATE)
    saved = store.save_state_to_redis("paper", "s1", {"metrics": {"trades": 1}}, others="keep")
    found = store.read_session("paper", "s1")
    assert found.categories == {**STATE, "metrics": {"trades": 1}}
    assert found.version == saved.version


def test_versions_grow_over_a_deletion_too(store):
    first = store.save_state_to_redis("paper", "s1", STATE)
    second = store.save_state_to_redis("paper", "s1", STATE)
    assert store.delete_state_from_redis("paper", "s1")
    third = store.save_state_to_redis("paper", "s1", STATE)
    assert first.version < second.version < third.version


def test_the_time_of_a_save_is_the_servers(store, raw):
    seconds, micros = raw.time()
    saved = store.save_state_to_redis("paper", "s1", STATE)
    assert 0 <= saved.saved_ms - (seconds * 1000 + micros // 1000) < 60_000
    assert store.read_session("paper", "s1").saved_ms == saved.saved_ms


def test_a_session_expires_as_one(store, raw):
    store.save_state_to_redis("paper", "s1", STATE, ttl_s=100)
    ends = {raw.execute_command("PEXPIRETIME", one) for one in raw.scan_iter()}
    assert len(ends) == 1
    assert 90_000 < raw.pttl(key("session")) <= 100_000


def test_a_save_without_a_ttl_takes_that_of_an_earlier_one_away(store, raw):
    store.save_state_to_redis("paper", "s1", STATE, ttl_s=100)
    store.save_state_to_redis("paper", "s1", {"session": {}}, others="keep")
    assert {raw.ttl(one) for one in raw.scan_iter()} == {-1}


def test_environments_do_not_see_one_another(store):
    for env in ("paper", "live", "backtest", "test"):
        store.save_state_to_redis(env, "s1", {"session": {"env": env}})
    store.delete_state_from_redis("test", "s1")
    found = [store.load_state_from_redis(env, "s1") for env in ("paper", "live", "backtest", "test")]
    assert found == [{"session": {"env": env}} for env in ("paper", "live", "backtest")] + [{}]


def test_a_save_on_a_version_that_is_gone_changes_nothing(store):
    saved = store.save_state_to_redis("paper", "s1", {"session": {"by": 1}}, if_version=0)
    store.save_state_to_redis("paper", "s1", {"session": {"by": 2}}, if_version=saved.version)
    for version in (0, saved.version):
        with pytest.raises(ConflictError) as raised:
            store.save_state_to_redis("paper", "s1", {"session": {"by": 3}}, if_version=version)
        assert raised.value.applied == "no"
    assert store.load_state_from_redis("paper", "s1") == {"session": {"by": 2}}


def test_a_deletion_takes_everything_but_not_what_was_saved_meanwhile(store, raw):
    old = store.save_state_to_redis("paper", "s1", STATE)
    new = store.save_state_to_redis("paper", "s1", STATE)
    with pytest.raises(ConflictError):
        store.delete_state_from_redis("paper", "s1", if_version=old.version)
    assert store.delete_state_from_redis("paper", "s1", if_version=new.version)
    assert not store.delete_state_from_redis("paper", "s1")
    assert raw.keys() == []


def test_a_save_on_a_version_does_not_raise_a_session_from_the_dead(store):
    saved = store.save_state_to_redis("paper", "s1", STATE)
    store.delete_state_from_redis("paper", "s1")
    with pytest.raises(ConflictError):
        store.save_state_to_redis("paper", "s1", STATE, if_version=saved.version)
    assert store.load_state_from_redis("paper", "s1") == {}


@pytest.mark.parametrize(
    ("spoil", "wrong"),
    [
        (lambda raw: raw.delete(key("metrics")), {"metrics"}),
        (lambda raw: raw.hset(key("session"), ":version", 1), {"session"}),
        (lambda raw: raw.hset(key("positions"), "BTC", "{"), {"positions"}),
        (lambda raw: (raw.delete(key("session")), raw.set(key("session"), "x")), {"session"}),
        (lambda raw: (raw.delete(key("session")), raw.hset(key("session"), "a", "1")), {"session"}),
    ],
)
def test_a_load_names_the_categories_that_are_not_of_the_save(store, raw, spoil, wrong):
    store.save_state_to_redis("paper", "s1", STATE)
    spoil(raw)
    with pytest.raises(TornSessionError) as raised:
        store.load_state_from_redis("paper", "s1")
    assert set(raised.value.wrong) == wrong
    assert set(raised.value.readable) == set(STATE) - wrong


def test_a_key_of_another_type_stops_a_save_before_it_changes_anything(store, raw):
    raw.set(key("risk_guard"), "x")
    with pytest.raises(WrongTypeError) as raised:
        store.save_state_to_redis("paper", "s1", STATE)
    assert raised.value.applied == "no"
    assert raw.keys() == [key("risk_guard")]


def test_a_full_redis_refuses_a_save_as_a_whole(store, raw):
    store.save_state_to_redis("paper", "s1", {"session": {"n": 1}})
    raw.config_set("maxmemory", "1")
    with pytest.raises(OutOfMemoryError) as raised:
        store.save_state_to_redis("paper", "s1", STATE)
    assert raised.value.applied == "no"
    raw.config_set("maxmemory", "0")
    assert store.load_state_from_redis("paper", "s1") == {"session": {"n": 1}}


def test_a_redis_that_wants_replicas_refuses_a_save_and_a_deletion_as_a_whole(store, raw):
    store.save_state_to_redis("paper", "s1", {"session": {"n": 1}})
    raw.config_set("min-replicas-to-write", "1")
    for change in (
        lambda: store.save_state_to_redis("paper", "s1", STATE),
        lambda: store.delete_state_from_redis("paper", "s1"),
    ):
        with pytest.raises(TooFewReplicasError) as raised:
            change()
        assert raised.value.applied == "no"
    assert store.load_state_from_redis("paper", "s1") == {"session": {"n": 1}}


def test_a_save_that_nobody_confirmed_is_applied_and_says_so(opened):
    store = opened(wait_replicas=1, wait_ms=20)
    with pytest.raises(NotConfirmedError) as raised:
        store.save_state_to_redis("paper", "s1", STATE)
    assert raised.value.applied == "yes"
    assert store.load_state_from_redis("paper", "s1") == STATE


def test_a_bad_key_is_refused(store):
    with pytest.raises(KeyRefusedError, match="'env'"):
        store.save_state_to_redis("prod", "s1", STATE)


def test_the_most_that_fits_is_saved_and_loaded(store):
    state = {"session": {f"f{n}": n for n in range(996)}, "metrics": {"x": "é" * 499_999}}
    store.save_state_to_redis("paper", "s1", state)
    assert store.load_state_from_redis("paper", "s1") == state


@pytest.mark.parametrize("left_out", sorted(HARDENINGS))
def test_a_store_without_one_hardening_still_works_when_nothing_goes_wrong(opened, left_out):
    store = opened(_without=frozenset({left_out}))
    store.save_state_to_redis("paper", "s1", STATE, ttl_s=100)
    assert store.load_state_from_redis("paper", "s1") == STATE


def test_without_replacing_what_was_removed_comes_back(opened):
    store = opened(_without=frozenset({"replace"}))
    store.save_state_to_redis("paper", "s1", {"session": {"a": 1, "b": 1}})
    store.save_state_to_redis("paper", "s1", {"session": {"a": 2}})
    assert store.load_state_from_redis("paper", "s1") == {"session": {"a": 2, "b": 1}}


def test_both_stores_take_the_same_arguments():
    public = [name for name in vars(StateStore) if not name.startswith("_")]
    for name in public:
        assert inspect.signature(getattr(StateStore, name)) == inspect.signature(getattr(AsyncStateStore, name))
