from __future__ import annotations

from collections import Counter

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.workloads import commands, increments, unique_writes


def plan(workload, seconds=4.0, seed=1):
    return [
        (client, planned)
        for client in range(workload.clients)
        for planned in workload.plan(client=client, seed=seed, run="r", seconds=seconds)
    ]


@pytest.mark.parametrize(
    "workload", [unique_writes(500, 8), unique_writes(333.3, 7, 0.5), increments(100, 3), commands()]
)
def test_a_plan_has_its_rate_evenly_in_every_half_second(workload):
    offsets = sorted(planned.offset_ns for _, planned in plan(workload))
    assert len(offsets) == pytest.approx(workload.rate_hz * 4, abs=1)
    for half in range(8):
        inside = [offset for offset in offsets if half * 5e8 <= offset < (half + 1) * 5e8]
        assert len(inside) == pytest.approx(workload.rate_hz / 2, abs=1)
    assert len(set(offsets)) == len(offsets)


@pytest.mark.parametrize("workload", [unique_writes(500, 8, 0.4), increments(100, 3), commands()])
def test_one_seed_gives_one_plan(workload):
    assert plan(workload) == plan(workload)


def test_another_seed_gives_another_order():
    assert plan(commands(), seed=1) != plan(commands(), seed=2)
    assert plan(unique_writes(500, 8, 0.4), seed=1) != plan(unique_writes(500, 8, 0.4), seed=2)


def test_every_write_has_a_key_and_a_value_of_its_own():
    writes = [planned for _, planned in plan(unique_writes(500, 8, 0.3)) if planned.name == "write"]
    assert len({write.key for write in writes}) == len({write.input for write in writes}) == len(writes) > 1000
    assert all(write.key.startswith("arbredis:r:") for write in writes)


def test_a_read_is_of_a_key_that_its_client_wrote_before():
    written: set[str] = set()
    names: Counter[str] = Counter()
    for _, planned in plan(unique_writes(500, 8, 0.5)):
        names[planned.name] += 1
        assert planned.name == "write" or planned.key in written
        written.add(planned.key)
    assert names["read"] == pytest.approx(1000, abs=100)


def test_every_increment_has_a_key_of_its_own():
    ops = [planned for _, planned in plan(increments(100, 3))]
    assert len({op.key for op in ops}) == len(ops)
    assert {(op.name, op.input) for op in ops} == {("increment", 1)}


def test_commands_come_in_cycles_with_the_floor_among_them():
    names = [planned.name for _, planned in plan(commands())]
    for start in range(0, len(names) - 16, 16):
        cycles = Counter(names[start : start + 16])
        assert cycles == {"GET": 5, "SET": 5, "PUBLISH": 5, "PING": 1}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: unique_writes(0, 1), "rate_hz is 0"),
        (lambda: unique_writes(float("inf"), 1), "rate_hz is inf"),
        (lambda: unique_writes(float("nan"), 1), "rate_hz is nan"),
        (lambda: unique_writes(10, 0), "clients is 0"),
        (lambda: unique_writes(10, 1.5), "clients is 1.5"),  # type: ignore[arg-type]
        (lambda: unique_writes(10, 11), "11 clients share 10"),
        (lambda: unique_writes(10, 1, 1.0), "read_share is 1.0"),
        (lambda: unique_writes(10, 1, -0.1), "read_share is -0.1"),
        (lambda: increments(-1, 1), "rate_hz is -1"),
        (lambda: commands(names=("GET", "DEL")), "unknown command 'DEL'"),
        (lambda: commands(names=()), "no commands"),
    ],
)
def test_a_workload_that_makes_no_sense_is_refused_at_definition(make, message):
    with pytest.raises(UsageError, match=message):
        make()
