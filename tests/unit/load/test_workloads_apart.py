"""Workloads for what falls apart: who writes where, and when there are only reads."""

from __future__ import annotations

import pytest

from pytest_arbredis import workloads
from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.apart import added_apart, ends_in_reads


def plan_of(workload, client, seconds=3.0):
    return list(workload.plan(client=client, seed=1, run="r", seconds=seconds))


def test_it_ends_in_reads_of_what_the_client_wrote():
    of = workloads.on_objects("counter", rate_hz=40, clients=2, keys=3, change_share=1)
    plan = plan_of(ends_in_reads(of, writes_until_s=1, reads_from_s=2), 0)
    names = {"add": (0, 1), "reconcile": (1, 2), "read": (2, 3)}
    assert {one.name for one in plan} == set(names)
    for one in plan:
        earliest, latest = names[one.name]
        assert earliest <= one.offset_ns / 1e9 < latest
    written = {one.key for one in plan if one.name == "add"}
    assert {one.key for one in plan if one.name == "read"} == written
    assert [one.offset_ns for one in plan] == [one.offset_ns for one in plan_of(of, 0)]


def test_keys_are_shared_only_while_clients_are_apart():
    workload = added_apart(rate_hz=40, clients=2, apart_from_s=1, apart_until_s=2)
    plans = [plan_of(workload, client) for client in range(2)]
    keys = [{one.key for one in plan} for plan in plans]
    apart = [{one.key for one in plan if 1e9 <= one.offset_ns < 2e9} for plan in plans]
    assert keys[0] & keys[1] == apart[0] == apart[1] != set()
    assert all(len(plan) == len({(one.key, one.input) for one in plan}) for plan in plans)


@pytest.mark.parametrize("times", [(0, 1), (2, 1)])
def test_times_that_cannot_be_are_refused(times):
    of = workloads.on_objects("set", rate_hz=40, clients=2)
    with pytest.raises(UsageError):
        ends_in_reads(of, writes_until_s=times[0], reads_from_s=times[1])
    with pytest.raises(UsageError):
        added_apart(rate_hz=40, clients=2, apart_from_s=times[0], apart_until_s=times[1])
