"""The fenced lock: one holder at a time, late holders kept out by the resource, tokens that outlive a failover.

While no failover loses it, a lock has one holder at a time, also where holders pause for longer than its time to live
and release it when it is another's. The resource accepts nothing of a holder that came too late. Through a failover
that loses the lock and its counter the tokens still grow, because they begin with Sentinel's epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, topologies
from pytest_arbredis.load.lock_holders import LockHolders
from pytest_arbredis.scenarios.naive import locks as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.keyspace.patterns import FENCE, LOCK, RESOURCE
from pytest_arbredis.state.locks.plans import HARDENINGS
from pytest_arbredis.subjects.state.locks import locks

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

LATE = Scenario(
    name="state_locks.late_holders",
    promise="A lock has one holder at a time, and the resource accepts nothing of one that comes too late.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "always"}),
    subject=locks(),
    workload=LockHolders(clients=8, cycle_ms=80, late_every=3, late_ms=200),
    seconds=3.5,
    judged=("acquire",),
    read_back=False,
    profiles=("release",),
    checks=(checks.one_holder_at_a_time(), checks.fencing_token_is_monotonic(of="output")),
)

NAIVE = hazard_of(
    LATE,
    naive.locks(),
    promise="SET NX and DEL: a late holder releases another's lock, and writes over what its successor wrote.",
)

FAILOVER = Scenario(
    name="state_locks.failover",
    promise="Tokens grow through a failover that loses the lock and its counter.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=locks(),
    workload=LockHolders(clients=4, cycle_ms=60),
    faults=(
        schedule.at(seconds=0.4)
        .replication_cut("replicas")
        .lasting(seconds=2.8)
        .at(seconds=0.9)
        .crash("primary")
        .at(seconds=3.4)
        .restart("crashed")
    ),
    seconds=4.4,
    judged=("acquire",),
    exposed_by={"replication_cut": "any"},
    read_back=False,
    profiles=("release",),
    checks=(checks.sequence_is_monotonic(names=("acquire",), field="token"),),
)

FAILOVER_NAIVE = hazard_of(
    FAILOVER, naive.locks(), promise="A token of INCR is given again after a failover that loses its counter."
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="hold a lock, write what it protects",
        keys=(LOCK, RESOURCE),
        event="stall",
        may_be={"refused": "what a late holder writes", "delayed": "the next holder, by the time to live"},
        proof=LATE,
        naive=naive.locks(),
        hardened=lambda without: locks(_without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"owner-check", "fencing"}),
    ),
    Claim(
        operation="give a fencing token",
        keys=(LOCK, FENCE),
        event="failover, stock",
        may_be={"lost": "the lock: two may believe to have it", "refused": "until the Sentinels know the new primary"},
        proof=FAILOVER,
        naive=naive.locks(),
        hardened=lambda without: locks(_without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"epoch"}),
    ),
)


def test_a_lock_has_one_holder_at_a_time(arbredis: Arbredis) -> None:
    arbredis.run(LATE).assert_valid()


def test_set_nx_and_del_give_away_anothers_lock(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE).assert_valid()


def test_tokens_grow_through_a_failover(arbredis: Arbredis) -> None:
    arbredis.run(FAILOVER).assert_valid()


def test_a_token_of_incr_is_given_again(arbredis: Arbredis) -> None:
    arbredis.run(FAILOVER_NAIVE).assert_valid()
