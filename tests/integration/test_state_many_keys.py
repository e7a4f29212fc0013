"""Ten thousand keys in a scan: all are counted and none is lost, step by step, while others write."""

from __future__ import annotations

import pytest
from small_servers import started
from state_twins import TWINS, connected

from pytest_arbredis.state.audit.auditor import AsyncAuditor, Auditor
from pytest_arbredis.state.audit.look import MOST_AT_ONCE
from pytest_arbredis.state.retention.cleaner import AsyncCleaner, Cleaner
from pytest_arbredis.state.retention.cleanup import Wish

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
