"""Audit and clean-up on a real Redis, as functions and as commands."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
import redis

from pytest_arbredis.cli.main import status_of
from pytest_arbredis.state.audit.auditor import AsyncAuditor, Auditor
from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.keyspace.patterns import ALL
from pytest_arbredis.state.retention.cleaner import AsyncCleaner, Cleaner
from pytest_arbredis.state.retention.cleanup import Wish
from pytest_arbredis.state.retention.plans import remove
from pytest_arbredis.state.sessions.store import StateStore

pytestmark = pytest.mark.arbredis(topology="single")

HOUR_S = 3600.0
STATE = {"session": {"a": 1}, "metrics": {"b": 2}}


@pytest.fixture
def raw(redis_direct_url):
    with redis.Redis.from_url(redis_direct_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def settings(redis_direct_url):
    """An audit is no keeper of state: it looks at servers too that may evict it."""
    with StateRedis.from_url(redis_direct_url) as found:
        return replace(found.settings, keeps_state=False)


@pytest.fixture
def state(settings):
    with StateRedis(settings) as state:
        yield state


@pytest.fixture(params=["sync", "asyncio"])
def twin(request, settings, state):
    """Calls a method of the sync class, or of the one of asyncio."""

    def call(kinds, method, *args):
        if request.param == "sync":
            return getattr(kinds[0](state), method)(*args)

        async def awaited():
            async with AsyncStateRedis(settings) as own:
                return await getattr(kinds[1](own), method)(*args)

        return asyncio.run(awaited())

    return call


@pytest.fixture
def audited(twin):
    return lambda: twin((Auditor, AsyncAuditor), "audit")


@pytest.fixture
def cleaned(twin):
    return lambda **wish: twin((Cleaner, AsyncCleaner), "cleanup", Wish(**wish))


def save(state, env="paper", session_id="s1", *, ago_s=0.0):
    """A session that was last saved so long ago, by the server's clock."""
    saved = StateStore(state).save_state_to_redis(env, session_id, STATE)
    keys = [f"arbitrage:state:{env}:{session_id}:{category}" for category in STATE]
    return keys, saved.saved_ms - int(ago_s * 1000)


@pytest.fixture
def aged(state, raw):
    def aged(env="paper", session_id="s1", *, ago_s):
        keys, saved_ms = save(state, env, session_id, ago_s=ago_s)
        for key in keys:
            raw.hset(key, ":saved_ms", saved_ms)
        return keys

    return aged


def test_an_empty_redis_is_clean(audited):
    report = audited()
    assert (report.keys, report.clean, report.patterns, report.average_bytes) == (0, True, (), None)


def test_what_is_as_it_should_be_is_counted_and_not_named(audited, state, raw):
    for number in range(50):
        save(state, session_id=f"s{number}")
    raw.set("price:BTC", "{}", ex=1)
    report = audited()
    assert report.keys == 101
    assert {each.grammar: each.keys for each in report.patterns}["arbitrage:state:{env}:{session_id}:{category}"] == 100
    assert report.clean


def test_every_key_that_breaks_a_rule_is_named_with_the_rule(audited, raw):
    raw.hset("arbitrage:state:prod:s1:session", "a", 1)
    raw.set("arbitrage:state:paper:s1:session", "x")
    raw.hset("arbitrage:metrics:paper:BTC:latency", "a", 1)
    raw.hset("user:1:api:keys", "k", "v")
    raw.expire("user:1:api:keys", 100)
    raw.hset("user:1:preferences", mapping={f"f{n}": n for n in range(1000)})
    raw.hset("user:1:stats", mapping={**{f"f{n}": "x" * 70 for n in range(300)}, "big": "x" * 1_000_001})
    raw.set("user:1:settings", "x" * 1_000_001)
    raw.set("user:2:settings", "x" * 1_000_000)
    raw.rpush("junk", *range(2000))
    report = audited()
    assert {(breach.key, breach.rule) for breach in report.breaches} == {
        ("arbitrage:state:prod:s1:session", "grammar"),
        ("arbitrage:state:paper:s1:session", "type"),
        ("arbitrage:metrics:paper:BTC:latency", "ttl"),
        ("user:1:api:keys", "ttl"),
        ("user:1:preferences", "size"),
        ("user:1:stats", "size"),
        ("user:1:settings", "size"),
        ("junk", "grammar"),
    }


def test_an_audit_changes_nothing_and_counts_as_no_access(audited, state, raw):
    raw.config_set("maxmemory-policy", "volatile-lfu")
    save(state)
    key = "arbitrage:state:paper:s1:session"
    content, changes = raw.dump(key), raw.info("persistence")["rdb_changes_since_last_save"]
    accesses = raw.object("freq", key)
    audited()
    assert raw.object("freq", key) == accesses
    assert (raw.dump(key), raw.info("persistence")["rdb_changes_since_last_save"]) == (content, changes)


def test_it_never_asks_for_all_keys_at_once(audited, state, raw):
    for number in range(30):
        save(state, session_id=f"s{number}")
    raw.config_resetstat()
    audited()
    used = raw.info("commandstats")
    assert "cmdstat_keys" not in used
    assert used["cmdstat_scan"]["calls"] >= 3


@pytest.mark.parametrize(
    "pattern", [pattern for pattern in ALL if "rest" not in pattern.parts], ids=lambda one: one.grammar
)
def test_a_key_of_each_pattern_with_its_type_and_ttl_is_clean(state, raw, pattern):
    words = {"env": "paper", "category": "metrics", "metric_type": "latency", "side": "long", "SYMBOL": "BTC"}
    key = pattern.key(**{name: words.get(name, "x1") for name in pattern.parts})
    makes = {"string": ("SET", "v"), "hash": ("HSET", "f", "v"), "list": ("RPUSH", "v"), "set": ("SADD", "v")}
    command, *rest = {**makes, "zset": ("ZADD", "1", "v"), "stream": ("XADD", "*", "f", "v")}[pattern.type]
    raw.execute_command(command, key, *rest)
    if pattern.ttl_s:
        raw.expire(key, pattern.ttl_s)
    report = Auditor(state).audit()
    assert report.breaches == ()
    assert report.patterns[0].grammar == pattern.grammar


def test_sessions_that_are_old_enough_are_listed_and_stay_in_a_dry_run(cleaned, aged, raw):
    aged(session_id="old", ago_s=2 * HOUR_S)
    aged(session_id="young", ago_s=0.5 * HOUR_S)
    report = cleaned(older_than_s=HOUR_S)
    assert [one.session_id for one in report.old.first] == ["old"]
    assert report.old.first[0].age_s == pytest.approx(2 * HOUR_S, abs=60)
    assert (report.kept.count, report.deleted.count) == (1, 0)
    assert len(raw.keys()) == 4


def test_they_are_deleted_as_a_whole_if_that_is_wanted(cleaned, aged, raw):
    aged(session_id="old", ago_s=2 * HOUR_S)
    young = aged(session_id="young", ago_s=0.5 * HOUR_S)
    report = cleaned(older_than_s=HOUR_S, delete=True)
    assert [one.session_id for one in report.deleted.first] == ["old"]
    assert sorted(raw.keys()) == sorted(young)


def test_live_sessions_go_only_where_live_is_named(cleaned, aged, raw):
    aged("live", ago_s=2 * HOUR_S)
    aged("test", ago_s=2 * HOUR_S)
    assert cleaned(older_than_s=HOUR_S, delete=True).deleted.count == 1
    assert all(":live:" in key for key in raw.scan_iter())
    assert cleaned(older_than_s=HOUR_S, env="live", delete=True).deleted.count == 1
    assert raw.keys() == []


def test_one_session_can_be_named(cleaned, aged, raw):
    aged(session_id="a", ago_s=2 * HOUR_S)
    left = aged(session_id="b", ago_s=2 * HOUR_S)
    assert cleaned(older_than_s=HOUR_S, session_id="a", delete=True).deleted.count == 1
    assert cleaned(older_than_s=HOUR_S, session_id="none", delete=True).old.count == 0
    assert sorted(raw.keys()) == sorted(left)


@pytest.mark.parametrize(
    "spoil", [lambda raw, key: raw.hdel(key, ":saved_ms"), lambda raw, key: (raw.delete(key), raw.set(key, "x"))]
)
def test_a_session_that_does_not_say_when_it_was_saved_is_listed_and_stays(cleaned, aged, raw, spoil):
    keys = aged(ago_s=2 * HOUR_S)
    spoil(raw, keys[1])
    report = cleaned(older_than_s=HOUR_S, delete=True)
    assert [one.session_id for one in report.ageless.first] == ["s1"]
    assert sorted(raw.keys()) == sorted(keys)


def test_reading_a_session_does_not_make_it_younger(cleaned, aged, raw):
    for key in aged(ago_s=2 * HOUR_S):
        raw.hgetall(key)
    assert cleaned(older_than_s=HOUR_S).old.count == 1


def test_a_session_that_was_saved_since_it_was_found_is_spared(state, aged, raw):
    aged(ago_s=2 * HOUR_S)
    save(state)
    assert state.run(remove("paper", "s1", older_than_s=HOUR_S)) is False
    assert len(raw.keys()) == 2


def test_a_thousand_sessions_among_other_keys_are_all_found(cleaned, raw):
    with raw.pipeline(transaction=False) as pipe:
        for number in range(2000):
            pipe.set(f"price:P{number}", 1)
        for number in range(1000):
            for category in STATE:
                key = f"arbitrage:state:test:s{number}:{category}"
                pipe.hset(key, mapping={":version": 1, ":saved_ms": 1, ":categories": "session,metrics"})
        pipe.execute()
    assert cleaned(older_than_s=HOUR_S, env="test", delete=True).deleted.count == 1000
    assert len(raw.keys()) == 2000


def test_the_audit_command_prints_json_and_exits_with_1_if_it_found_something(raw, redis_direct_url, capsys):
    raw.set("junk", 1)
    assert status_of(["audit", redis_direct_url, "--format", "json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert (content["keys"], content["broken"], content["breaches"][0]["key"]) == (1, {"grammar": 1}, "junk")


def test_the_audit_command_exits_with_0_if_all_is_well(state, redis_direct_url, capsys):
    save(state)
    assert status_of(["audit", redis_direct_url]) == 0
    assert "no key breaks a rule; 2 keys" in capsys.readouterr().out


def test_the_cleanup_command_deletes_only_with_yes(aged, raw, redis_direct_url, capsys):
    aged(ago_s=30 * HOUR_S)
    assert status_of(["cleanup", redis_direct_url, "--older-than", "24h"]) == 0
    assert "would be deleted: paper s1, last saved 30.0 h ago" in capsys.readouterr().out
    assert len(raw.keys()) == 2
    assert status_of(["cleanup", redis_direct_url, "--older-than", "24h", "--yes", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["deleted"]["first"][0]["session_id"] == "s1"
    assert raw.keys() == []


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["audit", "http://localhost"], 2),
        (["audit", "redis://localhost:1/0"], 4),
        (["cleanup", "redis://localhost:1/0", "--older-than", "soon"], 2),
        (["cleanup", "redis://localhost:1/0", "--older-than", "24h"], 4),
        (["cleanup", "redis://localhost:1/0", "--older-than", "24h", "--env", "prod"], 2),
        (["cleanup", "redis://localhost:1/0"], 2),
    ],
)
def test_wrong_usage_exits_with_2_and_an_absent_redis_with_4(arguments, status, capsys):
    assert status_of(arguments) == status
    assert capsys.readouterr().err


@pytest.mark.arbredis(topology="single", password="hunter-7")  # noqa: S106 - of a server of this test
def test_the_password_comes_from_the_environment_and_is_never_shown(redis_topology, monkeypatch, capsys):
    host, port = redis_topology.primary.direct
    assert status_of(["audit", f"redis://{host}:{port}/0"]) == 4
    monkeypatch.setenv("REDIS_PASSWORD", "hunter-7")
    assert status_of(["audit", f"redis://{host}:{port}/0"]) == 0
    monkeypatch.setenv("REDIS_PASSWORD", "hunter-8")
    assert status_of(["audit", f"redis://{host}:{port}/0"]) == 4
    said = capsys.readouterr()
    assert "hunter" not in said.out + said.err
