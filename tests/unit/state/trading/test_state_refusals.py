"""What the trading and engine stores refuse before anything is sent, and how they read what others wrote."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.engine import agent, leaderboard, physics, snapshot
from pytest_arbredis.state.engine.physics import PhysicsState
from pytest_arbredis.state.engine.snapshot import Quote
from pytest_arbredis.state.engine.store import EngineStore
from pytest_arbredis.state.errors import ConflictError, CorruptedError, KeyRefusedError, MisuseError, TooLargeError
from pytest_arbredis.state.trading import positions, profile, status
from pytest_arbredis.state.trading.position import Position, parsed
from pytest_arbredis.state.trading.store import TradingStore

OPENED = Position(symbol="BTC", side="long", entry_price=Decimal("1.5"))
QUOTE = Quote(price=1.0, volume=1.0, bid=1.0, ask=1.0, timestamp=1.0)


@pytest.mark.parametrize(
    "plan",
    [
        lambda: status.write("u1", "paused"),
        lambda: status.move("u1", expected="running", to="?"),
        lambda: status.read("u:1"),
        lambda: profile.write_settings("u1", {"x": math.nan}),
        lambda: profile.write_settings("u1", {}, ttl_s=0),
        lambda: profile.write_settings("u1", {}, ttl_s=math.inf),
        lambda: profile.write_preferences("u1", {"a b": 1}),
        lambda: profile.write_preferences("u1", {f"f{n}": n for n in range(1000)}),
        lambda: profile.count("u1", "trades", 1.5),
        lambda: profile.add_users("okx", ["a/b"]),
        lambda: positions.load("u1", "BTC", "both"),
        lambda: physics.load("btc"),
        lambda: snapshot.put("BTC", QUOTE, ttl_s=math.nan),
        lambda: agent.save("a", {"x": object()}),
        lambda: agent.save("a", {}, ttl_s=-1),
        lambda: leaderboard.rank("s", math.nan),
        lambda: leaderboard.rank("s", math.inf),
        lambda: leaderboard.rank("a b", 1.0),
        lambda: leaderboard.top(0),
    ],
)
def test_what_can_never_be_right_is_refused_before_anything_is_sent(plan):
    with pytest.raises(MisuseError):
        next(plan())


@pytest.mark.parametrize(
    "wrong",
    [
        {"entry_price": Decimal("NaN")},
        {"entry_price": Decimal(-1)},
        {"entry_price": 1.5},
        {"dca_count": -1},
        {"dca_count": True},
        {"version": 1.0},
        {"state": "two words"},
        {"details": {"_version": 1}},
        {"details": {f"d{n}": n for n in range(999)}},
    ],
)
def test_a_position_that_cannot_be_is_refused_where_it_is_made(wrong):
    with pytest.raises(MisuseError):
        replace(OPENED, **wrong)


def test_numbers_of_the_engine_are_finite():
    with pytest.raises(MisuseError):
        Quote(price=math.nan, volume=1.0, bid=1.0, ask=1.0, timestamp=1.0)
    good = dict.fromkeys(("mass", "momentum", "friction", "entropy", "nash_dist", "alpha_coefficient"), 1.0)
    assert PhysicsState(**good, regime="X").regime == "X"
    with pytest.raises(MisuseError, match="entropy"):
        PhysicsState(**{**good, "entropy": math.inf}, regime="X")
    with pytest.raises(MisuseError, match="regime"):
        PhysicsState(**good, regime="")


def test_unknown_hardenings_are_refused():
    with pytest.raises(MisuseError):
        TradingStore(None, _without=frozenset({"age"}))
    with pytest.raises(MisuseError):
        EngineStore(None, _without=frozenset({"version"}))


@pytest.mark.parametrize(
    ("flat", "beside"),
    [
        ([b"_version", b"x"], (b"1", b"2", b"open")),
        ([b"_version", b"1"], (b"1.5", b"2", b"open")),
        ([b"_version", b"1"], (b"1", b"NaN", b"open")),
        ([b"_version", b"1"], (b"1", b"two", b"open")),
        ([b"_version", b"1", b"qty", b"{"], (b"1", b"2", b"open")),
        ([b"_version", b"1"], (b"1", b"2", b"\xff")),
        ([b"_version", b"1"], (b"1", None, b"open")),
        ([], (None, b"2", None)),
    ],
)
def test_what_is_no_position_is_an_error(flat, beside):
    with pytest.raises(CorruptedError):
        parsed(flat, beside, user_id="u1", symbol="BTC", side="long")


def test_a_change_gives_up_where_others_are_always_faster():
    plan = positions.change("u1", "BTC", "long", lambda _: OPENED)
    next(plan)
    for turn in range(positions.CHANGES):
        plan.send([[], None, None, None])
        if turn == positions.CHANGES - 1:
            with pytest.raises(ConflictError, match="in a row"):
                plan.send([0, b"7"])
        else:
            plan.send([0, b"7"])


def test_a_change_may_not_become_another_position():
    plan = positions.change("u1", "BTC", "long", lambda _: replace(OPENED, symbol="ETH"))
    next(plan)
    with pytest.raises(MisuseError, match="gave ETH long"):
        plan.send([[], None, None, None])


class Ticking:
    """Each look costs so many seconds."""

    def __init__(self, step_s):
        self._step_ns = int(step_s * NS_PER_S)
        self._now_ns = 0

    def monotonic_ns(self):
        self._now_ns += self._step_ns
        return self._now_ns

    def wall_ns(self):
        raise AssertionError


@pytest.mark.parametrize(
    ("lay_us", "ttl_ms", "took_s", "fresh"),
    [
        (10_000_000, 50_000, 0.001, True),
        (60_000_001, 1, 0.001, False),
        (50_000_000, 10_000, 11, False),
        (10_000_000, -1, 0.001, False),
        (-1, 50_000, 0.001, False),
    ],
    ids=["young", "too old at the server", "too old when it came", "without a TTL", "from the future"],
)
def test_fresh_is_what_is_young_when_it_comes(lay_us, ttl_ms, took_s, fresh):
    plan = snapshot.get("BTC", clock=Ticking(took_s))
    next(plan)
    fields = [word for name in snapshot.NUMBERS for word in (name.encode(), b"1.0")]
    written = 1_000_000_000_000_000
    now = written + lay_us
    with pytest.raises(StopIteration) as done:
        plan.send(
            [
                [*fields, b"_written_us", str(written).encode()],
                ttl_ms,
                str(now // 1_000_000).encode(),
                str(now % 1_000_000).encode(),
            ]
        )
    assert done.value.value.fresh is fresh


def test_too_large_settings_are_refused():
    with pytest.raises(TooLargeError):
        next(profile.write_settings("u1", {"x": "y" * 1_000_000}))


def test_key_parts_are_named():
    with pytest.raises(KeyRefusedError, match="SYMBOL"):
        next(physics.load("btc"))
