"""All checks under the names of their claims: `from pytest_arbredis.checkers import api as checks`."""

from __future__ import annotations

from pytest_arbredis.checkers.append_log import log_is_a_prefix
from pytest_arbredis.checkers.away_policy import absence_is_told
from pytest_arbredis.checkers.black_box import commands_seen
from pytest_arbredis.checkers.breaker import breaker_follows_its_automaton
from pytest_arbredis.checkers.breaker_by_traffic import breaker_opens_by_traffic
from pytest_arbredis.checkers.breaker_overlap import guarded_calls_overlap
from pytest_arbredis.checkers.breaker_rejections import rejections_within_budget
from pytest_arbredis.checkers.breaker_sent import rejected_calls_were_not_sent
from pytest_arbredis.checkers.breaker_traffic import no_command_while_open
from pytest_arbredis.checkers.convergence import replicas_converge
from pytest_arbredis.checkers.counter import counter_within_bounds
from pytest_arbredis.checkers.deadlines import calls_end_in_time
from pytest_arbredis.checkers.documented import losses_are_documented
from pytest_arbredis.checkers.done_tasks import tasks_are_done
from pytest_arbredis.checkers.durability import acknowledged_writes_survive, confirmed_writes_survive
from pytest_arbredis.checkers.failover_timeline import failover_timeline
from pytest_arbredis.checkers.fallback import works_without_redis
from pytest_arbredis.checkers.fills import no_fill_lost
from pytest_arbredis.checkers.grow_set import set_keeps_what_was_added
from pytest_arbredis.checkers.hazards import writes_are_lost
from pytest_arbredis.checkers.holders import one_holder_at_a_time
from pytest_arbredis.checkers.invariant import invariant
from pytest_arbredis.checkers.isolation import refuses_within
from pytest_arbredis.checkers.late_effects import no_late_effects
from pytest_arbredis.checkers.latency import latency
from pytest_arbredis.checkers.ledger import applied_at_least, applied_at_most
from pytest_arbredis.checkers.lifetimes import lives_at_most
from pytest_arbredis.checkers.linearizable import linearizable_cas_register, linearizable_register
from pytest_arbredis.checkers.linearizable_model import linearizable
from pytest_arbredis.checkers.loss_age import loses_at_most, loses_more_than
from pytest_arbredis.checkers.messages import messages_are_lost
from pytest_arbredis.checkers.monotonic_numbers import fencing_token_is_monotonic, sequence_is_monotonic
from pytest_arbredis.checkers.monotonic_reads import monotonic_reads
from pytest_arbredis.checkers.monotonic_writes import monotonic_writes
from pytest_arbredis.checkers.order_ids import no_order_id_twice
from pytest_arbredis.checkers.positions import position_is_the_sum_of_fills
from pytest_arbredis.checkers.present import key_is_never_evicted
from pytest_arbredis.checkers.queue import queue_is_fifo
from pytest_arbredis.checkers.rate_limit import never_more_than
from pytest_arbredis.checkers.recovery import recovers_within, require_rate, service_resumes
from pytest_arbredis.checkers.recovery_by_class import every_class_recovers_within
from pytest_arbredis.checkers.refusals import refused_writes_are_refused
from pytest_arbredis.checkers.repeats import commands_are_repeated, unacknowledged_but_applied
from pytest_arbredis.checkers.sentinel_choice import replica_is_chosen_by_priority
from pytest_arbredis.checkers.sentinel_clients import clients_are_disconnected
from pytest_arbredis.checkers.sentinel_order import sentinel_events_in_order
from pytest_arbredis.checkers.sessions import read_your_writes
from pytest_arbredis.checkers.sometimes import sometimes, sometimes_error
from pytest_arbredis.checkers.spread import loads_are_spread
from pytest_arbredis.checkers.staleness import bounded_staleness
from pytest_arbredis.checkers.stampede import no_stampede
from pytest_arbredis.checkers.stuck import clients_stay_readonly
from pytest_arbredis.checkers.takeover import no_failover, nobody_takes_over
from pytest_arbredis.checkers.told_gaps import gaps_are_told
from pytest_arbredis.checkers.unavailability import unavailable_at_most
from pytest_arbredis.checkers.vacuity import vacuity_guard
from pytest_arbredis.checkers.value_age import values_expire
from pytest_arbredis.checkers.vanished import data_is_wiped, keys_are_evicted
from pytest_arbredis.checkers.violated import violated
from pytest_arbredis.checkers.waiting import wait_at_most
from pytest_arbredis.checkers.written_values import values_read_were_written

__all__ = [
    "absence_is_told",
    "acknowledged_writes_survive",
    "applied_at_least",
    "applied_at_most",
    "bounded_staleness",
    "breaker_follows_its_automaton",
    "breaker_opens_by_traffic",
    "calls_end_in_time",
    "clients_are_disconnected",
    "clients_stay_readonly",
    "commands_are_repeated",
    "commands_seen",
    "confirmed_writes_survive",
    "counter_within_bounds",
    "data_is_wiped",
    "every_class_recovers_within",
    "failover_timeline",
    "fencing_token_is_monotonic",
    "gaps_are_told",
    "guarded_calls_overlap",
    "invariant",
    "key_is_never_evicted",
    "keys_are_evicted",
    "latency",
    "linearizable",
    "linearizable_cas_register",
    "linearizable_register",
    "lives_at_most",
    "loads_are_spread",
    "log_is_a_prefix",
    "loses_at_most",
    "loses_more_than",
    "losses_are_documented",
    "messages_are_lost",
    "monotonic_reads",
    "monotonic_writes",
    "never_more_than",
    "no_command_while_open",
    "no_failover",
    "no_fill_lost",
    "no_late_effects",
    "no_order_id_twice",
    "no_stampede",
    "nobody_takes_over",
    "one_holder_at_a_time",
    "position_is_the_sum_of_fills",
    "queue_is_fifo",
    "read_your_writes",
    "recovers_within",
    "refused_writes_are_refused",
    "refuses_within",
    "rejected_calls_were_not_sent",
    "rejections_within_budget",
    "replica_is_chosen_by_priority",
    "replicas_converge",
    "require_rate",
    "sentinel_events_in_order",
    "sequence_is_monotonic",
    "service_resumes",
    "set_keeps_what_was_added",
    "sometimes",
    "sometimes_error",
    "tasks_are_done",
    "unacknowledged_but_applied",
    "unavailable_at_most",
    "vacuity_guard",
    "values_expire",
    "values_read_were_written",
    "violated",
    "wait_at_most",
    "works_without_redis",
    "writes_are_lost",
]
