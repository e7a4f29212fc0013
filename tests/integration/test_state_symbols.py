"""Metrics of symbols, and the cache of order books and spreads, on a real Redis; threads and asyncio."""

from __future__ import annotations

import math

import pytest
from small_servers import started
from state_twins import TWINS, connected

from pytest_arbredis.state.cache.aio import AsyncCache
from pytest_arbredis.state.cache.cache import Cache
from pytest_arbredis.state.errors import CorruptedError, KeyRefusedError, MisuseError, TooLargeError
from pytest_arbredis.state.keyspace.patterns import CACHED
from pytest_arbredis.state.symbols.store import AsyncSymbolMetrics, SymbolMetrics

KEY = "arbitrage:metrics:paper:BTCUSDT:winrate"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(params=TWINS)
def at(request, port):
    with connected(request.param, port) as (make, plain):
        yield request.param, make, plain


@pytest.fixture
def metrics(at):
    return at[1](SymbolMetrics, AsyncSymbolMetrics)


def test_a_metric_takes_the_place_of_the_one_before_and_lives_a_week(at, metrics):
    metrics.save("paper", "BTCUSDT", "winrate", {"won": 3, "lost": 1})
    metrics.save("paper", "BTCUSDT", "winrate", {"won": 4})
    assert metrics.load("paper", "BTCUSDT", "winrate") == {"won": 4}
    assert 604_790_000 < at[2].pttl(KEY) <= 604_800_000
    assert metrics.load("paper", "BTCUSDT", "latency") is None
    assert metrics.load("test", "BTCUSDT", "winrate") is None
    assert metrics.delete("paper", "BTCUSDT", "winrate")
    assert not metrics.delete("paper", "BTCUSDT", "winrate")


def test_a_metric_may_live_for_less(at, metrics):
    metrics.save("paper", "BTCUSDT", "winrate", {"won": 1}, ttl_s=60)
    assert 59_000 < at[2].pttl(KEY) <= 60_000


@pytest.mark.parametrize(
    ("parts", "fields", "options", "error"),
    [
        (("prod", "BTCUSDT", "winrate"), {"won": 1}, {}, KeyRefusedError),
        (("paper", "BTC/USDT", "winrate"), {"won": 1}, {}, KeyRefusedError),
        (("paper", "BTCUSDT", "sharpe"), {"won": 1}, {}, KeyRefusedError),
        (("paper", "BTCUSDT", "winrate"), {"a b": 1}, {}, KeyRefusedError),
        (("paper", "BTCUSDT", "winrate"), {"won": math.nan}, {}, MisuseError),
        (("paper", "BTCUSDT", "winrate"), {}, {}, TooLargeError),
        (("paper", "BTCUSDT", "winrate"), {f"f{n}": n for n in range(1000)}, {}, TooLargeError),
        (("paper", "BTCUSDT", "winrate"), {"won": 1}, {"ttl_s": 8 * 86_400}, MisuseError),
        (("paper", "BTCUSDT", "winrate"), {"won": 1}, {"ttl_s": math.nan}, MisuseError),
    ],
)
def test_what_could_never_be_right_is_refused(at, metrics, parts, fields, options, error):  # noqa: PLR0917 - its cases
    with pytest.raises(error):
        metrics.save(*parts, fields, **options)
    assert at[2].keys() == []


def test_a_field_that_is_no_json_is_named_and_not_shown(at, metrics):
    at[2].hset(KEY, "won", "{secret")
    with pytest.raises(CorruptedError, match="winrate") as caught:
        metrics.load("paper", "BTCUSDT", "winrate")
    assert "secret" not in str(caught.value)


def test_order_books_and_spreads_are_cached_for_an_hour(at):
    twin, make, plain = at
    cache = make(Cache, AsyncCache)
    key = CACHED.key(env="paper", cache_key="orderbook_snapshot")
    loads = []

    def load():
        loads.append(key)
        return {"bids": [[64000.1, 2]]}

    async def awaited():
        return load()

    for _ in range(2):
        assert cache.get_with_fallback(key, load if twin == "sync" else awaited) == {"bids": [[64000.1, 2]]}
    assert len(loads) == 1
    assert key == "arbitrage:cache:paper:orderbook_snapshot"
    assert 0 < plain.pttl(key) <= 3_600_000
