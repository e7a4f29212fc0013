"""The seam between checks and scenarios: frozen values with claims, cheap to import."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.linearizable_model import Model
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.testing.builder import HistoryBuilder

ALL = [
    checks.absence_is_told(closed=("take",)),
    checks.acknowledged_writes_survive(),
    checks.applied_at_least(),
    checks.no_stampede(),
    checks.calls_end_in_time(within_ms=1),
    checks.refuses_within(ms=1, during="crash", refusal="NOREPLICAS"),
    checks.values_read_were_written(),
    checks.violated(claims=("queue_is_fifo",)),
    checks.works_without_redis(during="crash"),
    checks.loads_are_spread(most=1, within_ms=1),
    checks.values_expire(max_ms=1),
    checks.applied_at_most(1),
    checks.bounded_staleness(max_ms=100),
    checks.fencing_token_is_monotonic(),
    checks.gaps_are_told(),
    checks.lives_at_most(max_ms=1),
    checks.never_more_than(limit=1, window_ms=1),
    checks.one_holder_at_a_time(),
    checks.tasks_are_done(),
    checks.key_is_never_evicted(),
    checks.monotonic_reads(),
    checks.monotonic_writes(),
    checks.no_fill_lost(),
    checks.no_late_effects(ms=1),
    checks.no_order_id_twice(),
    checks.position_is_the_sum_of_fills(),
    checks.sequence_is_monotonic(),
    checks.sometimes("some_client_saw_an_error", lambda op: op.error is not None),
    checks.sometimes_error("READONLY"),
    checks.breaker_follows_its_automaton(),
    checks.breaker_opens_by_traffic(during="slow", within_s=1, timeout_s=1),
    checks.clients_are_disconnected(),
    checks.clients_stay_readonly(seconds=1),
    checks.commands_are_repeated(),
    checks.commands_seen(),
    checks.confirmed_writes_survive(),
    checks.counter_within_bounds(),
    checks.data_is_wiped(),
    checks.every_class_recovers_within(3),
    checks.failover_timeline(),
    checks.invariant("holds", lambda _: ""),
    checks.keys_are_evicted(),
    checks.latency("GET", p99_ms=0.5),
    checks.log_is_a_prefix(),
    checks.linearizable(Model(name="flag", names=frozenset({"set"}), initial=False, step=lambda *_: (True, True))),
    checks.linearizable_cas_register(),
    checks.linearizable_register(),
    checks.loses_at_most(ms=1000),
    checks.loses_more_than(ms=1000),
    checks.losses_are_documented(),
    checks.messages_are_lost(),
    checks.no_failover(during="loading"),
    checks.nobody_takes_over(seconds=3),
    checks.no_command_while_open(),
    checks.queue_is_fifo(),
    checks.read_your_writes(),
    checks.recovers_within(3),
    checks.refused_writes_are_refused(),
    checks.rejections_within_budget(p99_ms=1),
    checks.guarded_calls_overlap(),
    checks.rejected_calls_were_not_sent(),
    checks.replica_is_chosen_by_priority(),
    checks.replicas_converge(),
    checks.sentinel_events_in_order(),
    checks.service_resumes(2, after="out_of_memory"),
    checks.set_keeps_what_was_added(),
    checks.unavailable_at_most(longest_ms=1000),
    checks.unacknowledged_but_applied(),
    checks.vacuity_guard(faults=()),
    checks.wait_at_most(most=1),
    checks.writes_are_lost(),
]


def test_every_factory_is_exported():
    assert len(ALL) == len(checks.__all__) - 1
    assert checks.__all__ == sorted(checks.__all__)


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.claim)
def test_an_empty_history_is_never_valid(check):
    finding = check(HistoryBuilder().build())
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.claim == check.claim
    assert finding.summary


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.claim)
def test_a_check_is_a_frozen_value(check):
    assert dataclasses.replace(check) == check
    assert type(check).__dataclass_params__.frozen


def test_importing_the_checks_imports_nothing_heavy():
    code = "import sys, pytest_arbredis.checkers.api; print(sorted({'numpy', 'redis', 'orjson'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "[]"
