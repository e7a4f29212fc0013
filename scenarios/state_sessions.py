"""Sessions: a save is all or nothing, and a load is one save, whatever happens to Redis.

While several clients save and load the same sessions in four environments, with more fields and fewer, a load gives
what one save wrote, or nothing. After a crash it gives the last acknowledged save (AOF always), one that was replaced
at most 2.1 s before the crash (AOF everysec, where a sync was late), or one of the last snapshot, at most 3 s before it
(RDB): never a mixture, and no field that was removed. Loads are judged when they come, up to 0.4 s after the crash.
Where both replicas confirmed a save it survives a failover, and a time to live is part of the save: no session stays
for ever because a reply was lost.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, topologies, workloads
from pytest_arbredis.scenarios.naive import sessions as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.scenarios.state_durability import POSTPONED_MS, SNAPSHOT_MS
from pytest_arbredis.state.keyspace.patterns import SESSION
from pytest_arbredis.state.sessions.plans import HARDENINGS
from pytest_arbredis.subjects.state.sessions import sessions

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

SHORT_AOF = {"auto-aof-rewrite-min-size": "2mb"}
"""It is read at the restart, and a server that is used for many runs would have ever more to read."""

CRASH = Scenario(
    name="state_sessions.crash",
    promise="With AOF always a crash leaves every session as its last acknowledged save left it, whole.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "always", **SHORT_AOF}),
    subject=sessions(),
    workload=workloads.on_objects("register", rate_hz=240, clients=4, keys=4),
    faults=schedule.at(seconds=0.8).crash("primary").at(seconds=1.2).restart("crashed"),
    seconds=3.2,
    checks=(
        checks.linearizable_register(),
        checks.values_read_were_written(),
    ),
    read_back=False,
    profiles=("release",),
)

TORN = hazard_of(
    CRASH,
    naive.sessions(),
    promise="Four HSETs are not one save: loads give sessions that nobody ever saved, and fields that were removed.",
)

READ_AFTER_MS = 400
"""From the crash to the first loads: half of it Redis is down, and in the other half it starts."""

EVERYSEC = replace(
    CRASH,
    name="state_sessions.crash_everysec",
    promise="With AOF everysec a crash leaves sessions whole, at most 2.1 s behind, which is 2.5 s when they are read.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "everysec", **SHORT_AOF}),
    faults=schedule.at(seconds=2.6).crash("primary").at(seconds=2.8).restart("crashed"),
    seconds=3.4,
    checks=(checks.values_read_were_written(), checks.bounded_staleness(max_ms=POSTPONED_MS + READ_AFTER_MS)),
)

SNAPSHOTS = replace(
    CRASH,
    name="state_sessions.crash_rdb",
    promise="With `save 1 1` a crash leaves sessions whole, at most 3 s behind, which is 3.4 s when they are read.",
    topology=topologies.single(conf={"save": "1 1"}),
    faults=schedule.at(seconds=3.5).crash("primary").at(seconds=3.7).restart("crashed"),
    seconds=4.3,
    checks=(checks.values_read_were_written(), checks.bounded_staleness(max_ms=SNAPSHOT_MS + READ_AFTER_MS)),
)

UNSAVED = replace(
    CRASH,
    name="state_sessions.crash_unsaved",
    promise="Without persistence a crash takes every session, each as a whole: none is there by halves.",
    topology=topologies.single(),
    faults=schedule.at(seconds=0.8).crash("primary").at(seconds=1).restart("crashed"),
    seconds=2.2,
    checks=(checks.values_read_were_written(),),
)

FULL = replace(
    CRASH,
    name="state_sessions.out_of_memory",
    promise="At maxmemory a save is refused as a whole: every session is as its last acknowledged save left it.",
    faults=schedule.at(seconds=0.6).out_of_memory("primary").lasting(seconds=1.2),
    seconds=3,
)

LOST_REPLY = replace(
    CRASH,
    name="state_sessions.lost_reply",
    promise="A time to live is part of the save: no lost reply, and no crash, leaves a session that never expires.",
    subject=sessions(ttl_s=60),
    workload=workloads.unique_writes(rate_hz=240, clients=16, read_share=0.5),
    faults=(
        schedule.at(seconds=0.4)
        .limit_data("primary")
        .lasting(seconds=0.2)
        .at(seconds=0.8)
        .limit_data("primary")
        .lasting(seconds=0.2)
        .at(seconds=1.2)
        .crash("primary")
        .at(seconds=1.6)
        .restart("crashed")
    ),
    seconds=3.2,
    checks=(checks.linearizable_register(), checks.values_read_were_written()),
)

ENDLESS = hazard_of(
    LOST_REPLY,
    naive.sessions(ttl_s=60),
    promise="HSET and EXPIRE are two commands: where a reply is lost between them a session never expires.",
)

FAILOVER = Scenario(
    name="state_sessions.failover",
    promise="Saves that both replicas confirmed survive a crash of a primary that they lag behind, TTL and all.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=sessions(wait_replicas=2, ttl_s=60),
    workload=workloads.on_objects("register", rate_hz=240, clients=4, keys=24),
    faults=(
        schedule.at(seconds=0.6)
        .replication_cut("replicas")
        .lasting(seconds=2.1)
        .at(seconds=0.9)
        .crash("primary")
        .at(seconds=2.9)
        .restart("crashed")
    ),
    seconds=4.6,
    checks=(
        checks.bounded_staleness(max_ms=0, wanted=2),
        checks.values_read_were_written(),
    ),
    read_back=False,
    profiles=("release",),
)

TORN_EVERYSEC = hazard_of(EVERYSEC, naive.sessions(), promise=f"{TORN.promise} Everysec mends none of it.")
TORN_UNSAVED = hazard_of(UNSAVED, naive.sessions(), promise=f"{TORN.promise} That they are gone mends none of it.")
TORN_FULL = hazard_of(FULL, naive.sessions(), promise=f"{TORN.promise} Nor are they refused as one.")
TORN_SNAPSHOTS = hazard_of(SNAPSHOTS, naive.sessions(), promise=f"{TORN.promise} Snapshots mend none of it.")

UNCONFIRMED = hazard_of(
    FAILOVER,
    naive.sessions(ttl_s=60, trusting=2),
    promise="Nobody asked the replicas: saves that they lagged behind are gone with the primary, though it said OK.",
)

SAVE = "a save or a load of a session"
SAVE_WITH_TTL = "a save of a session with a time to live"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation=SAVE,
        keys=(SESSION,),
        event="crash, AOF always",
        may_be={"refused": "while Redis is away"},
        proof=CRASH,
        naive=naive.sessions(),
        hardened=lambda without: sessions(_without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"one-transaction", "replace", "one-version-load"}),
    ),
    Claim(
        operation=SAVE,
        keys=(SESSION,),
        event="crash, AOF everysec",
        may_be={"lost": "of the last 2.1 s, where a sync was late", "refused": "while Redis is away"},
        proof=EVERYSEC,
        naive=naive.sessions(),
    ),
    Claim(
        operation=SAVE,
        keys=(SESSION,),
        event="crash, RDB",
        may_be={
            "lost": "what was saved since the last snapshot, of 3 s at most (`save 1 1`)",
            "refused": "while Redis is away",
        },
        proof=SNAPSHOTS,
        naive=naive.sessions(),
    ),
    Claim(
        operation=SAVE,
        keys=(SESSION,),
        event="crash, no persistence",
        may_be={"lost": "everything, each session as a whole", "refused": "while Redis is away"},
        proof=UNSAVED,
        naive=naive.sessions(),
    ),
    Claim(
        operation=SAVE,
        keys=(SESSION,),
        event="OOM",
        may_be={"refused": "a save as a whole, while memory is full"},
        proof=FULL,
        naive=naive.sessions(),
        hardened=lambda without: sessions(_without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"one-transaction", "replace", "one-version-load"}),
    ),
    Claim(
        operation=SAVE_WITH_TTL,
        keys=(SESSION,),
        event="reply lost",
        may_be={"repeated": "by the caller alone, who cannot know whether it was saved"},
        proof=LOST_REPLY,
        naive=naive.sessions(ttl_s=60),
        hardened=lambda without: sessions(ttl_s=60, _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"one-transaction", "ttl-in-one-step"}),
    ),
    Claim(
        operation=SAVE_WITH_TTL,
        keys=(SESSION,),
        event="failover, WAIT by all",
        may_be={"refused": "until a replica is promoted; unconfirmed while one is away: then it may be lost"},
        proof=FAILOVER,
        naive=naive.sessions(ttl_s=60, trusting=2),
        hardened=lambda without: sessions(wait_replicas=2, ttl_s=60, _without=without),
        hardenings=HARDENINGS - {"ttl-in-one-step"},
        unjudged={"ttl-in-one-step": "chance decides whether a load comes between its two commands here"},
        rests_on=frozenset({"one-transaction", "one-version-load", "replace", "wait-replicas"}),
    ),
)


def test_a_save_is_all_or_nothing_over_a_crash(arbredis: Arbredis) -> None:
    arbredis.run(CRASH).assert_valid()


def test_four_hsets_are_not_one_save(arbredis: Arbredis) -> None:
    arbredis.run(TORN).assert_valid()


def test_with_everysec_sessions_are_whole_and_little_behind(arbredis: Arbredis) -> None:
    arbredis.run(EVERYSEC).assert_valid()


def test_with_snapshots_sessions_are_whole_and_some_seconds_behind(arbredis: Arbredis) -> None:
    arbredis.run(SNAPSHOTS).assert_valid()


def test_confirmed_sessions_survive_a_failover_with_their_time_to_live(arbredis: Arbredis) -> None:
    arbredis.run(FAILOVER).assert_valid()


def test_a_time_to_live_is_part_of_the_save(arbredis: Arbredis) -> None:
    arbredis.run(LOST_REPLY).assert_valid()


def test_a_lost_reply_leaves_a_session_that_never_expires(arbredis: Arbredis) -> None:
    arbredis.run(ENDLESS).assert_valid()


def test_four_hsets_are_not_one_save_with_everysec_either(arbredis: Arbredis) -> None:
    arbredis.run(TORN_EVERYSEC).assert_valid()


def test_four_hsets_are_not_one_save_with_snapshots_either(arbredis: Arbredis) -> None:
    arbredis.run(TORN_SNAPSHOTS).assert_valid()


def test_saves_that_nobody_confirmed_are_lost(arbredis: Arbredis) -> None:
    arbredis.run(UNCONFIRMED).assert_valid()


def test_without_persistence_sessions_go_whole(arbredis: Arbredis) -> None:
    arbredis.run(UNSAVED).assert_valid()


def test_without_persistence_four_hsets_leave_halves(arbredis: Arbredis) -> None:
    arbredis.run(TORN_UNSAVED).assert_valid()


def test_at_maxmemory_a_save_is_refused_as_a_whole(arbredis: Arbredis) -> None:
    arbredis.run(FULL).assert_valid()


def test_at_maxmemory_four_hsets_are_not_one_save(arbredis: Arbredis) -> None:
    arbredis.run(TORN_FULL).assert_valid()
