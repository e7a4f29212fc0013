"""Zones, search and brute force agree on 24 000 small histories: what the unit tests try, fifteen times over."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from registers_by_force import CAS_REGISTER, REGISTER, agree, histories

pytestmark = pytest.mark.thorough

MANY = settings(max_examples=6000, deadline=None, suppress_health_check=list(HealthCheck))


@MANY
@given(histories(unique=True))
def test_zones_agree_with_brute_force_thoroughly(history):
    agree(REGISTER, history, with_cas=False)


@MANY
@given(histories(unique=True, keys=("x", "y", None)))
def test_zones_agree_with_brute_force_on_several_keys_thoroughly(history):
    agree(REGISTER, history, with_cas=False)


@MANY
@given(histories(keys=("x", "x", "y")))
def test_search_agrees_with_brute_force_thoroughly(history):
    agree(REGISTER, history, with_cas=False)


@MANY
@given(histories(cas=True))
def test_search_agrees_with_brute_force_on_cas_thoroughly(history):
    agree(CAS_REGISTER, history, with_cas=True)
