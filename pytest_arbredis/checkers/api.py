"""All checks under the names of their claims: `from pytest_arbredis.checkers import api as checks`."""

from __future__ import annotations

from pytest_arbredis.checkers.convergence import replicas_converge
from pytest_arbredis.checkers.documented import losses_are_documented
from pytest_arbredis.checkers.durability import acknowledged_writes_survive, confirmed_writes_survive
from pytest_arbredis.checkers.hazards import writes_are_lost
from pytest_arbredis.checkers.latency import latency
from pytest_arbredis.checkers.recovery import recovers_within, require_rate, service_resumes
from pytest_arbredis.checkers.refusals import refused_writes_are_refused
from pytest_arbredis.checkers.repeats import commands_are_repeated, unacknowledged_but_applied
from pytest_arbredis.checkers.sessions import read_your_writes
from pytest_arbredis.checkers.vacuity import vacuity_guard

__all__ = [
    "acknowledged_writes_survive",
    "commands_are_repeated",
    "confirmed_writes_survive",
    "latency",
    "losses_are_documented",
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
