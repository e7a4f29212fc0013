"""Every fault is in the registry and has a verb; it is a frozen value whose fields are its verb's arguments."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from pytest_arbredis.faults import verbs
from pytest_arbredis.faults.registry import FAULTS
from pytest_arbredis.faults.verbs import Verbs

NEEDED = {
    "bandwidth": {"kb_per_s": 100},
    "client_pause": {"ms": 500},
    "cpu_quota": {"percent": 10},
    "latency": {"ms": 5},
    "memory_limit": {"mb": 64},
    "slice": {"bytes": 8},
    "slow_close": {"ms": 50},
    "slow_disk": {"fsync_ms": 100},
}


def fault_classes():
    """Every class of the package that can be injected and observed, found in its files."""
    folder = Path(verbs.__file__).parent
    modules = [importlib.import_module(f"pytest_arbredis.faults.{path.stem}") for path in folder.glob("[a-z]*.py")]
    return {
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value) and {"inject", "observe", "name"} <= set(vars(value)) and value.__name__ != "Fault"
    }


def test_every_fault_of_the_package_is_in_the_registry():
    assert set(FAULTS.values()) == fault_classes()
    assert all(fault.name == name for name, fault in FAULTS.items())


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_has_a_verb_that_makes_it(name):
    class Collected(Verbs[tuple[object, str]]):
        def _put(self, fault, target, *, expect_unobserved):
            assert expect_unobserved is False
            return fault, target

    fault, target = getattr(Collected(), name)("n1", **NEEDED.get(name, {}))
    assert fault == FAULTS[name](**NEEDED.get(name, {}))
    assert target == "n1"
    arguments = set(inspect.signature(getattr(Verbs, name)).parameters) - {"self", "target", "expect_unobserved"}
    assert arguments == {item.name for item in fields(FAULTS[name])}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_a_frozen_value(name):
    fault = FAULTS[name](**NEEDED.get(name, {}))
    assert hash(fault) == hash(FAULTS[name](**NEEDED.get(name, {})))
    for item in fields(fault):
        with pytest.raises(FrozenInstanceError):
            setattr(fault, item.name, 1)


@pytest.mark.parametrize("name", FAULTS)
def test_what_a_fault_ends_is_a_fault(name):
    assert set(FAULTS[name].nature.ends) <= set(FAULTS)


def test_verbs_that_nobody_gave_a_place_refuse():
    with pytest.raises(TypeError):
        Verbs().crash("primary")
