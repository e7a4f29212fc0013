"""How a state machine is played on a real Redis: many times, without shrinking, which would take minutes."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from pytest_arbredis.state.errors import StateError

MOST = 400
"""Plays until a fault that was left in must have been found; the same ones each time."""


def played(machine, *, examples, steps, derandomize=False):
    wanted = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=derandomize,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=wanted)


def found_out(machine, *, steps):
    with pytest.raises(AssertionError):
        played(machine, examples=MOST, steps=steps, derandomize=True)


def outcome(call):
    """What a call gives, and the error of the state layer that it ends with."""
    try:
        return call(), None
    except StateError as error:
        return None, error
