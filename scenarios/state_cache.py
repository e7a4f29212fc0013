"""Cache: no old value is put back, and a database is not stampeded when the cache comes back.

A slow reader that had read the database before a write cannot put the old value into Redis after the invalidation: as
long as Redis is there, reads through the cache are as good as reads of the database. When Redis was away longer than
all values live, each key is loaded by one reader at a time; and no value is older than its time to live and 100 ms,
also where a failover forgets invalidations. One that failed is repeated as soon as Redis is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, topologies, workloads
from pytest_arbredis.scenarios.naive import cache as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.cache.policy import HARDENINGS
from pytest_arbredis.state.keyspace.patterns import ACCOUNT, POSITIONS, PRICE, SYMBOL_SPEC
from pytest_arbredis.subjects.state.caches import caches

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

SLOW_READERS = Scenario(
    name="state_cache.slow_readers",
    promise="Reads through the cache are linearizable, though loads take 30 ms and writers do not wait for them.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "always"}),
    subject=caches(ttl_s=30, load_s=0.03),
    workload=workloads.on_objects("register", rate_hz=320, clients=8, keys=4, change_share=0.15),
    seconds=2.5,
    judged=("write", "read"),
    checks=(checks.linearizable_register(),),
    read_back=False,
    profiles=("release",),
)

PUT_BACK = hazard_of(
    SLOW_READERS,
    naive.caches(ttl_s=30, load_s=0.03),
    promise="A slow reader puts an old value back after the invalidation, where it stays until its TTL.",
)

RECOVERY = Scenario(
    name="state_cache.recovery",
    promise="When Redis comes back each key is loaded by one reader at a time; with a TTL of 500 ms nobody is given "
    "what was replaced more than 600 ms ago.",
    topology=SLOW_READERS.topology,
    subject=caches(ttl_s=0.5, load_s=0.06),
    workload=workloads.on_objects("register", rate_hz=320, clients=8, keys=4, change_share=0.05),
    faults=schedule.at(seconds=0.8).crash("primary").at(seconds=1.5).restart("crashed"),
    seconds=3.6,
    judged=("write", "read"),
    exposed_by={"crash": "any"},
    checks=(checks.no_stampede(at_once=1, settle_ms=400), checks.bounded_staleness(max_ms=600)),
    read_back=False,
    profiles=("release",),
)

STAMPEDE = hazard_of(
    RECOVERY,
    naive.caches(ttl_s=0.5, load_s=0.06),
    promise="When Redis comes back everybody who misses a key loads it.",
)

TOGETHER = Scenario(
    name="state_cache.together",
    promise="Of 30 values that were cached together no more than 18 are loaded again within 200 ms.",
    topology=SLOW_READERS.topology,
    subject=caches(ttl_s=2, load_s=0.005, jitter=0.9, warm=30),
    workload=workloads.on_objects("register", rate_hz=600, clients=8, keys=30, change_share=0.0001),
    seconds=2.4,
    judged=("read",),
    checks=(checks.loads_are_spread(most=18, within_ms=200),),
    read_back=False,
    profiles=("release",),
)

BURST = hazard_of(
    TOGETHER,
    naive.caches(ttl_s=2, load_s=0.005, warm=30),
    promise="Values that were cached together expire together, and the database gets them all at once.",
)

FAILOVER = Scenario(
    name="state_cache.failover",
    promise="With a TTL of 3.5 s a failover that forgets invalidations gives nobody what was replaced more than 3.6 s "
    "ago, and behind it each key is loaded by two readers at a time at most: one may have asked Redis in vain.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=caches(ttl_s=3.5, load_s=0.15, warm=40, redis_within_s=0.5),
    workload=workloads.on_objects("register", rate_hz=320, clients=16, keys=40, change_share=0.1),
    # The values that were warm live until the replicas' data has become the primary's, and expire then.
    faults=schedule.at(seconds=0.25)
    .replication_cut("replicas")
    .lasting(seconds=2)
    .at(seconds=0.6)
    .crash("primary")
    .at(seconds=2.6)
    .restart("crashed"),
    seconds=4.4,
    judged=("write", "read"),
    exposed_by={"replication_cut": "any", "crash": "any"},
    checks=(checks.no_stampede(at_once=2, settle_ms=400), checks.bounded_staleness(max_ms=3600)),
    read_back=False,
    profiles=("release",),
)

FORGETFUL = hazard_of(
    FAILOVER,
    naive.caches(ttl_s=3.5, load_s=0.15, warm=40),
    promise="Behind a failover everybody who misses a key loads it.",
)

CUT_OFF = Scenario(
    name="state_cache.cut_off",
    promise="A change that Redis was not told of, away for 600 ms, is read by all within 1 s, not after a TTL of 30 s.",
    topology=SLOW_READERS.topology,
    subject=caches(ttl_s=30, load_s=0.01),
    workload=workloads.on_objects("register", rate_hz=480, clients=8, keys=30, change_share=0.03),
    faults=schedule.at(seconds=0.5).down("primary").lasting(seconds=0.6),
    seconds=2.6,
    judged=("write", "read"),
    exposed_by={"down": "any"},
    checks=(checks.bounded_staleness(max_ms=1000),),
    read_back=False,
    profiles=("release",),
)

UNTOLD = hazard_of(
    CUT_OFF,
    naive.caches(ttl_s=30, load_s=0.01),
    promise="An invalidation that is lost between database and cache serves the old value until its TTL.",
)

READ = "a read through the cache"
KEYS = (ACCOUNT, PRICE, POSITIONS, SYMBOL_SPEC)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation=READ,
        keys=KEYS,
        event="concurrency",
        may_be={},
        proof=SLOW_READERS,
        naive=naive.caches(ttl_s=30, load_s=0.03),
        hardened=lambda without: caches(ttl_s=30, load_s=0.03, _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"lease", "invalidate-on-write"}),
    ),
    Claim(
        operation=READ,
        keys=KEYS,
        event="Redis away",
        may_be={"delayed": "by a load of the database"},
        proof=RECOVERY,
        naive=naive.caches(ttl_s=0.5, load_s=0.06),
        hardened=lambda without: caches(ttl_s=0.5, load_s=0.06, _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"single-flight"}),
    ),
    Claim(
        operation=READ,
        keys=KEYS,
        event="no fault",
        may_be={"delayed": "by a load of the database"},
        proof=TOGETHER,
        naive=naive.caches(ttl_s=2, load_s=0.005, warm=30),
        hardened=lambda without: caches(ttl_s=2, load_s=0.005, jitter=0.9, warm=30, _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"jitter"}),
    ),
    Claim(
        operation=READ,
        keys=KEYS,
        event="failover, stock",
        may_be={
            "lost": "invalidations that no replica had: readers are given the old value until its TTL",
            "delayed": "by a load of the database, or for up to 3 s by a lease that only the new primary still knows",
        },
        proof=FAILOVER,
        naive=naive.caches(ttl_s=3.5, load_s=0.15, warm=40),
        hardened=lambda without: caches(ttl_s=3.5, load_s=0.15, warm=40, redis_within_s=0.5, _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"single-flight"}),
    ),
    Claim(
        operation="a change whose invalidation fails",
        keys=KEYS,
        event="Redis away",
        may_be={"delayed": "for other processes, until the writer's reaches Redis again; until the TTL if it dies"},
        proof=CUT_OFF,
        naive=naive.caches(ttl_s=30, load_s=0.01),
        hardened=lambda without: caches(ttl_s=30, load_s=0.01, _without=without),
        # Without leases chance may put an old value back here as well: SLOW_READERS is sure to.
        hardenings=HARDENINGS - {"lease"},
        unjudged={"lease": "chance decides whether a slow reader puts an old value back here"},
        rests_on=frozenset({"repeated-invalidation", "invalidate-on-write"}),
    ),
)


def test_a_slow_reader_puts_nothing_old_back(arbredis: Arbredis) -> None:
    arbredis.run(SLOW_READERS).assert_valid()


def test_without_leases_an_old_value_is_put_back(arbredis: Arbredis) -> None:
    arbredis.run(PUT_BACK).assert_valid()


def test_recovery_does_not_stampede(arbredis: Arbredis) -> None:
    arbredis.run(RECOVERY).assert_valid()


def test_without_single_flight_recovery_stampedes(arbredis: Arbredis) -> None:
    arbredis.run(STAMPEDE).assert_valid()


def test_a_failover_that_forgets_invalidations_gives_nothing_older_than_the_ttl(arbredis: Arbredis) -> None:
    arbredis.run(FAILOVER).assert_valid()


def test_without_single_flight_a_failover_stampedes(arbredis: Arbredis) -> None:
    arbredis.run(FORGETFUL).assert_valid()


def test_an_invalidation_that_failed_is_repeated(arbredis: Arbredis) -> None:
    arbredis.run(CUT_OFF).assert_valid()


def test_a_lost_invalidation_serves_the_old_value(arbredis: Arbredis) -> None:
    arbredis.run(UNTOLD).assert_valid()


def test_values_cached_together_do_not_expire_together(arbredis: Arbredis) -> None:
    arbredis.run(TOGETHER).assert_valid()


def test_without_jitter_values_expire_together(arbredis: Arbredis) -> None:
    arbredis.run(BURST).assert_valid()
