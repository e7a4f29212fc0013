"""What others wrote under the layer's keys: another type, or what is not of the layer. It is told, kept, and not shown.

Every piece is asked for a key of its own that holds something else, by threads (asyncio runs the same plans).
"""

from __future__ import annotations

import logging
import traceback
from decimal import Decimal

import pytest
from cryptography.fernet import Fernet
from small_servers import started
from state_twins import connected

from pytest_arbredis.state.channels.channel import Channel
from pytest_arbredis.state.channels.publisher import Publisher
from pytest_arbredis.state.credentials.cipher import Cipher
from pytest_arbredis.state.credentials.secret import Secret
from pytest_arbredis.state.credentials.store import CredentialStore
from pytest_arbredis.state.engine.physics import PhysicsState
from pytest_arbredis.state.engine.snapshot import Quote
from pytest_arbredis.state.engine.store import EngineStore
from pytest_arbredis.state.errors import CorruptedError, CredentialError, RejectedError, StateError
from pytest_arbredis.state.limits.limit import API
from pytest_arbredis.state.limits.window import SlidingWindow
from pytest_arbredis.state.locks.lock import FencedLock, FencedResource
from pytest_arbredis.state.manager.manager import StateManager
from pytest_arbredis.state.metrics.reader import MetricsReader
from pytest_arbredis.state.queue.queue import TaskQueue
from pytest_arbredis.state.sessions.store import StateStore
from pytest_arbredis.state.symbols.store import SymbolMetrics
from pytest_arbredis.state.trading.position import Position
from pytest_arbredis.state.trading.store import TradingStore

MARK = "hunter2-was-here"
"""What lies there, and must not be in any message."""

CIPHER = Cipher([Fernet.generate_key().decode()])
PHYSICS = PhysicsState(
    mass=1.0, momentum=1.0, friction=1.0, entropy=1.0, nash_dist=1.0, regime="calm", alpha_coefficient=1.0
)
QUOTE = Quote(price=1.0, volume=1.0, bid=1.0, ask=1.0, timestamp=1.0)
LONG = Position(symbol="BTC", side="long", entry_price=Decimal(1))
TICKS = Channel(scope="live", name="market_data", of="BTC")

CALLS = {
    "load a session": (
        "arbitrage:state:paper:s1:metrics",
        lambda r: StateStore(r).load_state_from_redis("paper", "s1"),
    ),
    "save a session": (
        "arbitrage:state:paper:s1:metrics",
        lambda r: StateStore(r).save_state_to_redis("paper", "s1", {"metrics": {"x": 1}}),
    ),
    "load a symbol's metric": (
        "arbitrage:metrics:paper:BTC:winrate",
        lambda r: SymbolMetrics(r).load("paper", "BTC", "winrate"),
    ),
    "read credentials": ("user:u1:api:keys", lambda r: CredentialStore(r, CIPHER).get("u1")),
    "rotate credentials": ("user:u1:api:keys", lambda r: CredentialStore(r, CIPHER).rotate("u1")),
    "read a status": ("user:u1:trading:status", lambda r: TradingStore(r).get_status("u1")),
    "move a status": (
        "user:u1:trading:status",
        lambda r: TradingStore(r).move_status("u1", expected="running", to="stopped"),
    ),
    "read settings": ("user:u1:settings", lambda r: TradingStore(r).get_settings("u1")),
    "read preferences": ("user:u1:preferences", lambda r: TradingStore(r).get_preferences("u1")),
    "count": ("user:u1:stats", lambda r: TradingStore(r).count("u1", "field")),
    "read statistics": ("user:u1:stats", lambda r: TradingStore(r).get_stats("u1")),
    "load a position": ("user:u1:position:BTC:long", lambda r: TradingStore(r).load_position("u1", "BTC", "long")),
    "read users": ("okx:user_ids", lambda r: TradingStore(r).get_users("okx")),
    "read an item": ("okx:user:u1:x", lambda r: TradingStore(r).get_item("okx", "u1", ("x",))),
    "load physics": ("physics:state:BTC", lambda r: EngineStore(r).load_physics("BTC")),
    "read a snapshot": ("market:snapshot:BTC", lambda r: EngineStore(r).get_snapshot("BTC")),
    "put a snapshot": ("market:snapshot:BTC", lambda r: EngineStore(r).put_snapshot("BTC", QUOTE)),
    "load an agent": ("agent:state:a1", lambda r: EngineStore(r).load_agent("a1")),
    "rank": ("leaderboard:strategies", lambda r: EngineStore(r).rank("s", 1.0)),
    "read the leaderboard": ("leaderboard:strategies", lambda r: EngineStore(r).top()),
    "take a task": ("queue:tasks", lambda r: TaskQueue(r).take(wait_s=0)),
    "put a task": ("queue:tasks", lambda r: TaskQueue(r).put({"x": 1})),
    "publish": (TICKS.key, lambda r: Publisher(r).publish(TICKS, {"x": 1})),
    "read the last message": (TICKS.key, lambda r: Publisher(r).last(TICKS)),
    "take a permit": ("ratelimit:api:u1", lambda r: SlidingWindow(r, API).take("u1")),
    "what remains": ("ratelimit:api:u1", lambda r: SlidingWindow(r, API).get_remaining("u1")),
    "acquire a lock": ("lock:x", lambda r: FencedLock(r, "x", ttl_s=1).acquire()),
    "read a resource": ("resource:x", lambda r: FencedResource(r, "x").read()),
    "read a managed statistic": ("test:local:arbitrage:stats", lambda r: managed(r).get_stat("field")),
    "add to a managed statistic": ("test:local:arbitrage:stats", lambda r: managed(r).increment_stat("field")),
    "read managed metrics": ("test:local:arbitrage:metrics", lambda r: managed(r).get_metrics()),
    "read metrics": (
        "test:local:arbitrage:metrics",
        lambda r: MetricsReader(r, namespace="test:local").read(),
    ),
    "read a managed heartbeat": (
        "test:local:arbitrage:heartbeat:main",
        lambda r: managed(r).read_heartbeat(),
    ),
    "read a managed position": (
        "test:local:arbitrage:position:BTC",
        lambda r: managed(r).read_position("BTC"),
    ),
}

CORRUPTED = {
    "load a session": ("hash", ("x",)),
    "load a symbol's metric": ("hash", ("x",)),
    "read credentials": ("hash", ("x",)),
    "rotate credentials": ("hash", ("x",)),
    "read a status": ("string", ()),
    "move a status": ("string", ()),
    "read settings": ("string", ()),
    "read preferences": ("hash", ("x",)),
    "count": ("hash", ("field",)),
    "read statistics": ("hash", ("x",)),
    "load a position": ("hash", ("_version",)),
    "read an item": ("string", ()),
    "load physics": ("string", ()),
    "read a snapshot": ("hash", ("price", "volume", "bid", "ask", "timestamp")),
    "load an agent": ("string", ()),
    "publish": ("hash", ("number",)),
    "read the last message": ("hash", ("last",)),
    "read a resource": ("hash", ("epoch", "counter", "value")),
    "read a managed statistic": ("hash", ("field",)),
    "add to a managed statistic": ("hash", ("field",)),
    "read managed metrics": ("hash", ("total_balance",)),
    "read metrics": ("hash", ("total_balance",)),
    "read a managed heartbeat": ("hash", ("at", "by", "status")),
    "read a managed position": ("hash", ("size",)),
}
"""Of which type the key is, and the fields that hold what is not of the layer."""


def managed(redis):
    return StateManager(redis=redis)


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
def at(port):
    with connected("sync", port) as (make, plain):
        yield make(lambda state: state, None), plain


def shown(caught):
    """All that a log of the error would have, its causes too."""
    return "".join(traceback.format_exception(caught.value)) + repr(caught.value)


@pytest.mark.parametrize("name", CALLS)
def test_a_key_of_another_type_is_an_error_and_stays(at, caplog, name):
    caplog.set_level(logging.DEBUG)
    redis, plain = at
    key, call = CALLS[name]
    pushed = plain.rpush if name not in {"take a task", "put a task"} else plain.sadd
    pushed(key, MARK)
    before = plain.dump(key)
    with pytest.raises((RejectedError, CorruptedError)) as caught:
        call(redis)
    assert isinstance(caught.value, StateError)
    assert plain.dump(key) == before
    assert MARK not in shown(caught)
    assert MARK not in caplog.text


@pytest.mark.parametrize("name", CORRUPTED)
def test_what_is_not_of_the_layer_is_an_error_and_is_not_shown(at, caplog, name):
    caplog.set_level(logging.DEBUG)
    redis, plain = at
    key, call = CALLS[name]
    kind, fields = CORRUPTED[name]
    if kind == "string":
        plain.set(key, MARK)
    else:
        plain.hset(key, mapping=dict.fromkeys(fields, MARK))
    before = plain.dump(key)
    with pytest.raises((CorruptedError, CredentialError, RejectedError)) as caught:
        call(redis)
    assert plain.dump(key) == before
    assert MARK not in shown(caught)
    assert MARK not in caplog.text


def test_what_replaces_as_a_whole_replaces_another_type_too(at):
    """A state that is overwritten needs nothing of what was there: the error would help nobody."""
    redis, plain = at
    for key in ("user:u1:api:keys", "user:u1:settings", "user:u1:preferences", "physics:state:BTC"):
        plain.rpush(key, MARK)
    CredentialStore(redis, CIPHER).put("u1", {"key": Secret("x")})
    TradingStore(redis).set_settings("u1", {"x": 1})
    TradingStore(redis).set_preferences("u1", {"x": 1})
    EngineStore(redis).save_physics("BTC", PHYSICS)
    assert CredentialStore(redis, CIPHER).get("u1")["key"].reveal() == "x"
    assert TradingStore(redis).get_settings("u1") == {"x": 1}
    assert TradingStore(redis).get_preferences("u1") == {"x": 1}
    assert EngineStore(redis).load_physics("BTC") == PHYSICS


def test_a_position_is_not_saved_over_another_type(at):
    redis, plain = at
    plain.rpush("user:u1:position:BTC:long", MARK)
    with pytest.raises(RejectedError):
        TradingStore(redis).save_position("u1", LONG)
    assert plain.keys() == [b"user:u1:position:BTC:long"]
