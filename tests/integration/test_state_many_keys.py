"""Ten thousand keys in a scan: all are counted and none is lost, step by step, while others write."""

from __future__ import annotations

import pytest
from small_servers import started
from state_twins import TWINS, connected
from tide import Beside, Tide

from pytest_arbredis.state.asks import Call
from pytest_arbredis.state.audit.auditor import AsyncAuditor, Auditor
from pytest_arbredis.state.audit.look import MOST_AT_ONCE
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.retention.cleaner import AsyncCleaner, Cleaner
from pytest_arbredis.state.retention.cleanup import Wish
from pytest_arbredis.state.retention.scripts import REMOVE
from pytest_arbredis.state.sessions.store import StateStore

KEYS = 10_000
BAD = 250


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(params=TWINS)
def at(request, port):
    with connected(request.param, port) as (make, plain):
        with plain.pipeline(transaction=False) as pipe:
            for n in range(KEYS):
                pipe.set(f"account:a{n}", "{}", ex=60)
            for n in range(BAD):
                pipe.set(f"stray/{n}", "x")
            for n in range(BAD):
                pipe.hset(f"arbitrage:state:test:s{n}:session", mapping={":version": 1, ":saved_ms": 1})
            pipe.execute()
        yield make, plain


def test_an_audit_of_ten_thousand_keys_counts_each_once(at):
    make, plain = at
    told = []
    report = make(Auditor, AsyncAuditor, share=1.0).audit(progress=lambda keys, _: told.append(keys))
    assert report.keys == KEYS + 2 * BAD
    assert report.by_rule["grammar"] == BAD
    assert len(report.breaches) == 100
    assert len(told) > report.keys / MOST_AT_ONCE / 2
    assert plain.dbsize() == KEYS + 2 * BAD


def test_a_clean_up_among_ten_thousand_keys_finds_every_old_session(at):
    make, plain = at
    report = make(Cleaner, AsyncCleaner).cleanup(Wish(older_than_s=3600, env="test", delete=True))
    assert report.deleted.count == BAD
    assert plain.dbsize() == KEYS + BAD


def beside(make, sync, twin, turn, *, every, **options):
    """The piece on a connection beside which others write; and that connection."""
    made = []

    def on(kind):
        def build(state):
            made.append(Beside(state, turn, every=every))
            return kind(made[0], **options)

        return build

    return make(on(sync), on(twin)), made[0]


def test_an_audit_counts_every_key_that_was_there_all_the_while(at):
    """Redis makes its table anew several times, larger and smaller; whatever SCAN gives is counted, each time."""
    make, plain = at
    stable = {*plain.keys()}
    tide = Tide(plain, keys=70_000)
    auditor, others = beside(make, Auditor, AsyncAuditor, lambda _: tide.turn(), every=250, share=1.0)
    report = auditor.audit()
    assert tide.turns >= 4
    assert stable <= others.given.keys()
    assert report.keys == others.given.total()
    assert report.by_rule["grammar"] == sum(times for key, times in others.given.items() if key.startswith(b"stray/"))


def test_an_audit_counts_a_key_as_often_as_scan_gives_it(port):
    """Where the table shrinks under a walk, as the page says, keys of one bucket come again: chance decides which."""
    with connected("sync", port) as (make, plain):
        stable = {b"account:a%d" % n for n in range(200)}
        plain.eval("for _, key in ipairs(KEYS) do redis.call('SET', key, '{}', 'EX', 60) end", len(stable), *stable)
        tide = Tide(plain, keys=4000)
        for _ in range(8):
            auditor, others = beside(make, Auditor, AsyncAuditor, lambda _: tide.turn(), every=1, share=1.0)
            report = auditor.audit()
            accounts = {one.grammar: one.keys for one in report.patterns}["account:{account_id}"]
            assert stable <= others.given.keys()
            assert accounts == sum(others.given[key] for key in stable)
            if tide.high:
                tide.turn()


def test_a_clean_up_finds_every_old_session_while_others_write(at, port):
    """In one go: SCAN gives whatever is there all the while. Sessions that are saved just before they would go stay."""
    make, plain = at
    tide = Tide(plain, keys=70_000)
    saved = {}
    with StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as other:
        store = StateStore(other)

        def turn(ask):
            names = [f"new{tide.turns}"]
            if type(ask) is Call and ask.script is REMOVE:
                names.append(ask.keys[0].split(":")[3])
            for name in names:
                saved[name] = {"session": {"turn": tide.turns}}
                store.save_state_to_redis("test", name, saved[name])
            tide.turn()

        cleaner, _ = beside(make, Cleaner, AsyncCleaner, turn, every=90)
        report = cleaner.cleanup(Wish(older_than_s=3600, env="test", delete=True))
        assert tide.turns >= 4
        assert {key.split(b":")[3].decode() for key in plain.keys("arbitrage:state:*")} == saved.keys()
        assert all(store.load_state_from_redis("test", name) == state for name, state in saved.items())
    assert report.spared.count >= 1
    assert report.deleted.count + report.spared.count == BAD
    assert plain.exists(*(f"account:a{n}" for n in range(KEYS))) == KEYS


def test_the_keys_of_a_celery_broker_are_known_and_a_result_that_stays_is_named(port):
    with connected("sync", port) as (make, plain):
        plain.rpush("celery", "{}")
        plain.sadd("_kombu.binding.celery.pidbox", "x")
        plain.hset("unacked", "tag", "{}")
        plain.zadd("unacked_index", {"tag": 1.0})
        plain.set("unacked_mutex", "x", ex=300)
        plain.set("celery-task-meta-1", "{}", ex=3600)
        assert make(Auditor, AsyncAuditor).audit().clean
        plain.set("celery-task-meta-2", "{}")
        (breach,) = make(Auditor, AsyncAuditor).audit().breaches
        assert (breach.key, breach.rule) == ("celery-task-meta-2", "ttl")
