"""Workloads on objects that clients share."""

from __future__ import annotations

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.objects import MODELS
from pytest_arbredis.load.workloads import on_cas_registers, on_objects
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS


def plans(workload, *, seed=1, seconds=2.0):
    return [
        planned
        for client in range(workload.clients)
        for planned in workload.plan(client=client, seed=seed, run="r", seconds=seconds)
    ]


@pytest.mark.parametrize("model", MODELS)
def test_operations_of_the_kind_are_spread_over_all_its_objects(model):
    found = plans(on_objects(model, 200, 4, keys=3))
    assert len(found) == 400
    assert {planned.name for planned in found} == set(MODELS[model]) <= set(OPERATIONS[model])
    assert {planned.key for planned in found} == {f"arbredis:r:{model}:{number}" for number in range(3)}


def test_values_are_unique_and_what_is_added_to_a_counter_is_one():
    values = [planned.input for planned in plans(on_objects("queue", 200, 4)) if planned.name == "enqueue"]
    assert len(set(values)) == len(values) > 100
    assert {planned.input for planned in plans(on_objects("counter", 200, 4)) if planned.name == "add"} == {1}


def test_the_share_of_changes_is_kept_and_the_seed_decides():
    workload = on_objects("set", 400, 4, change_share=0.8)
    found = plans(workload)
    assert sum(planned.name == "add" for planned in found) == pytest.approx(0.8 * len(found), rel=0.1)
    assert plans(workload) == found != plans(workload, seed=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "heap"}, "kind of object"),
        ({"keys": 0}, "keys=0"),
        ({"change_share": 0}, "change_share=0"),
        ({"change_share": 1.5}, "change_share=1.5"),
        ({"rate_hz": 0}, "rate_hz is 0"),
    ],
)
def test_what_cannot_be_asked_is_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        on_objects(**{"model": "set", "rate_hz": 100, "clients": 2, **settings})


def test_a_cas_register_is_left_after_a_while_and_has_few_values():
    found = plans(on_cas_registers(240, 6, keys=2))
    assert {planned.name for planned in found} == {"cas", "write", "read"}
    assert len({planned.key for planned in found}) == 40
    given = [planned.input for planned in found if planned.name == "cas"]
    assert len(given) == pytest.approx(0.4 * len(found), rel=0.2)
    assert len({value for pair in given for value in pair}) == 4
    with pytest.raises(UsageError, match="keys=0"):
        on_cas_registers(240, 6, keys=0)
