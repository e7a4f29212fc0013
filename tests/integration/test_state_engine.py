"""Physics, snapshots, agents, the leaderboard, on a real Redis; threads and asyncio."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_servers import started
from state_twins import TWINS, connected

from pytest_arbredis._clock import wait_until
from pytest_arbredis.state.engine.aio import AsyncEngineStore
from pytest_arbredis.state.engine.physics import PhysicsState
from pytest_arbredis.state.engine.snapshot import Quote
from pytest_arbredis.state.engine.store import EngineStore
from pytest_arbredis.state.errors import CorruptedError, KeyRefusedError, UnsafePolicyError

PHYSICS = PhysicsState(
    mass=1.5, momentum=-2.25, friction=0.0, entropy=3.0, nash_dist=0.1, regime="LAMINAR", alpha_coefficient=2.1
)
QUOTE = Quote(price=100.5, volume=3.0, bid=100.4, ask=100.6, timestamp=1700000000.123)


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(params=TWINS)
def at(request, port):
    with connected(request.param, port) as made:
        made[1].config_set("maxmemory-policy", "noeviction")
        made[1].config_resetstat()
        yield made


@pytest.fixture
def engine(at):
    return at[0](EngineStore, AsyncEngineStore)


def test_physics_persists_until_it_is_overwritten(at, engine):
    assert engine.load_physics("BTC") is None
    engine.save_physics("BTC", PHYSICS)
    assert engine.load_physics("BTC") == PHYSICS
    assert at[1].ttl("physics:state:BTC") == -1
    with pytest.raises(KeyRefusedError, match="upper case"):
        engine.save_physics("btc", PHYSICS)


@pytest.mark.parametrize("raw", ["{", "[1]", '{"mass": 1}', '{"mass": "x"}', "\xff"])
def test_corrupted_physics_is_said_to_be(at, engine, raw):
    at[1].set("physics:state:BTC", raw.encode("latin-1"))
    with pytest.raises(CorruptedError, match="physics:state:BTC"):
        engine.load_physics("BTC")


def test_physics_is_not_kept_where_any_key_may_be_evicted(at, engine):
    engine.save_physics("BTC", PHYSICS)
    at[1].config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(UnsafePolicyError, match="allkeys-lru"):
        engine.save_physics("BTC", replace(PHYSICS, mass=9.0))
    assert engine.load_physics("BTC") == PHYSICS
    at[1].delete("physics:state:BTC")
    with pytest.raises(UnsafePolicyError, match="may have been evicted"):
        engine.load_physics("BTC")
    at[1].config_set("maxmemory-policy", "volatile-lru")
    assert engine.load_physics("BTC") is None


def test_a_snapshot_tells_its_age(at, engine):
    assert engine.get_snapshot("BTC") is None
    engine.put_snapshot("BTC", QUOTE)
    found = engine.get_snapshot("BTC")
    assert found.quote == QUOTE
    assert found.fresh
    assert 0 <= found.age_s < 5
    assert 55 < at[1].ttl("market:snapshot:BTC") <= 60


def test_a_snapshot_is_gone_after_its_ttl(at):
    engine = at[0](EngineStore, AsyncEngineStore, snapshot_ttl_s=0.05)
    engine.put_snapshot("BTC", QUOTE)
    wait_until(lambda: engine.get_snapshot("BTC") is None, within_s=5, what="the snapshot to expire")


def test_a_snapshot_without_a_ttl_is_never_fresh(at, engine):
    engine.put_snapshot("BTC", QUOTE)
    at[1].persist("market:snapshot:BTC")
    found = engine.get_snapshot("BTC")
    assert found.age_s is not None
    assert not found.fresh


@pytest.mark.parametrize("written", [None, "99999999999999999"])
def test_a_snapshot_of_unknown_age_is_never_fresh(at, engine, written):
    """Somebody else wrote it; or the server's clock has stepped back."""
    engine.put_snapshot("BTC", QUOTE)
    if written is None:
        at[1].hdel("market:snapshot:BTC", "_written_us")
    else:
        at[1].hset("market:snapshot:BTC", "_written_us", written)
    found = engine.get_snapshot("BTC")
    assert found.age_s is None
    assert not found.fresh


def test_a_snapshot_with_a_field_missing_is_an_error(at, engine):
    engine.put_snapshot("BTC", QUOTE)
    at[1].hdel("market:snapshot:BTC", "bid")
    with pytest.raises(CorruptedError, match="no snapshot"):
        engine.get_snapshot("BTC")


def test_an_agent_is_remembered_for_an_hour(at, engine):
    assert engine.load_agent("a-1") is None
    engine.save_agent("a-1", {"goal": "x", "steps": [1, 2]})
    assert engine.load_agent("a-1") == {"goal": "x", "steps": [1, 2]}
    assert 3590 < at[1].ttl("agent:state:a-1") <= 3600


def test_the_leaderboard_gives_the_best_and_orders_ties_by_name(engine):
    for name, score in (("a", 1.0), ("b", 2.0), ("c", 2.0), ("d", -1.0), ("e", 5.5), ("f", 0.0)):
        engine.rank(name, score)
    assert engine.top() == (("e", 5.5), ("c", 2.0), ("b", 2.0), ("a", 1.0), ("f", 0.0))
    engine.rank("d", 9.0)
    assert engine.top(1) == (("d", 9.0),)
    assert engine.unrank("d") is True
    assert engine.unrank("d") is False
