"""All checks under the names of their claims: `from pytest_arbredis.checkers import api as checks`."""

from __future__ import annotations

from pytest_arbredis.checkers.black_box import commands_seen
from pytest_arbredis.checkers.convergence import replicas_converge
from pytest_arbredis.checkers.documented import losses_are_documented
from pytest_arbredis.checkers.durability import acknowledged_writes_survive, confirmed_writes_survive
from pytest_arbredis.checkers.hazards import writes_are_lost
from pytest_arbredis.checkers.invariant import invariant
from pytest_arbredis.checkers.latency import latency
from pytest_arbredis.checkers.messages import messages_are_lost
from pytest_arbredis.checkers.recovery import recovers_within, require_rate, service_resumes
from pytest_arbredis.checkers.refusals import refused_writes_are_refused
from pytest_arbredis.checkers.repeats import commands_are_repeated, unacknowledged_but_applied
from pytest_arbredis.checkers.sessions import read_your_writes
from pytest_arbredis.checkers.stuck import clients_stay_readonly
from pytest_arbredis.checkers.takeover import no_failover, nobody_takes_over
from pytest_arbredis.checkers.vacuity import vacuity_guard
from pytest_arbredis.checkers.vanished import data_is_wiped, keys_are_evicted

__all__ = [
    "acknowledged_writes_survive",
    "clients_stay_readonly",
    "commands_are_repeated",
    "commands_seen",
    "confirmed_writes_survive",
    "data_is_wiped",
    "invariant",
    "keys_are_evicted",
    "latency",
    "losses_are_documented",
    "messages_are_lost",
    "no_failover",
    "nobody_takes_over",
    "read_your_writes",
    "recovers_within",
    "refused_writes_are_refused",
    "replicas_converge",
    "require_rate",
    "service_resumes",
    "unacknowledged_but_applied",
    "vacuity_guard",
    "writes_are_lost",
]
