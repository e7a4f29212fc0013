"""Checks as text, and back."""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.by_name import check_named, check_names, spelled
from pytest_arbredis.errors import UsageError


def test_every_name_is_one_of_the_api():
    assert set(check_names()) < set(checks.__all__)


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("acknowledged_writes_survive", checks.acknowledged_writes_survive()),
        ("confirmed_writes_survive(wanted=3)", checks.confirmed_writes_survive(wanted=3)),
        ("recovers_within(seconds=3, after='crash')", checks.recovers_within(seconds=3, after="crash")),
        ("latency(name='GET', p99_ms=0.5)", checks.latency("GET", p99_ms=0.5)),
        ("vacuity_guard(faults=('crash',))", checks.vacuity_guard(faults=("crash",))),
    ],
)
def test_text_names_a_check_and_is_spelled_again(text, check):
    assert check_named(text) == check
    assert check_named(spelled(check)) == check


def test_arguments_can_be_given_beside_the_text():
    assert check_named("confirmed_writes_survive", {"wanted": 1}) == checks.confirmed_writes_survive(wanted=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("acknowledged_write_survive", "acknowledged_writes_survive"),
        ("require_rate", "require_rate"),
        ("confirmed_writes_survive(2)", "is not a check"),
        ("confirmed_writes_survive(wnted=2)", "wnted"),
        ("confirmed_writes_survive(wanted=open('x'))", "is not a check"),
        ("confirmed_writes_survive(wanted=0)", "wanted=0"),
        ("latency", "name"),
        ("", "is not a check"),
    ],
)
def test_what_names_no_check_is_refused_with_the_known_names(text, said):
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        check_named(text)


def test_a_check_with_a_function_cannot_be_spelled():
    assert spelled(checks.invariant("x", lambda _: None)) is None


def test_a_users_check_cannot_be_spelled():
    assert spelled(object()) is None
