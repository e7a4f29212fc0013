"""Clean-up: sessions that nobody saves go, while others are saved, loaded and ended beside it.

A clean-up of what was last saved more than a second ago runs again and again, 20 ms away. Sessions are saved just when
they have become old, so that many are saved between its look and its hand. One that was saved in the last second is
there; a session, however it goes, goes as a whole; and one that nobody saves is gone 2.5 s later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, topologies
from pytest_arbredis.load.session_lives import session_lives
from pytest_arbredis.scenarios.naive import sessions as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.keyspace.patterns import SESSION
from pytest_arbredis.subjects.state.kept_sessions import HARDENINGS, kept_sessions

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

OLD_S = 1
GONE_S = 2.5

BESIDE_SAVES = Scenario(
    name="state_cleanup.beside_saves",
    promise="No session saved in the last 1 s is cleaned up, none goes by halves, and old ones are gone after 2.5 s.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "always"}),
    subject=kept_sessions(older_than_s=OLD_S),
    workload=session_lives(clients=13, keys=36, ended=4, old_ms=OLD_S * 1000, reads_hz=420),
    faults=schedule.at(seconds=0.2).latency("primary", ms=20).lasting(seconds=3.1),
    seconds=3.4,
    judged=("write", "read"),
    exposed_by={"latency": "any"},
    checks=(
        checks.key_is_never_evicted(within_ms=OLD_S * 1000),
        checks.values_read_were_written(),
        checks.values_expire(max_ms=GONE_S * 1000),
    ),
    read_back=False,
    profiles=("release",),
)

IDLE = hazard_of(
    BESIDE_SAVES,
    naive.kept_sessions(older_than_s=OLD_S),
    promise="SCAN, IDLETIME, DEL: what is read never goes, what was just saved goes, and sessions are left in halves.",
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="a clean-up of old sessions, an end of one, a save, a load",
        keys=(SESSION,),
        event="concurrency",
        may_be={"delayed": "a clean-up: a session that nobody saves is gone 2.5 s later, of 1 s asked"},
        proof=BESIDE_SAVES,
        naive=naive.kept_sessions(older_than_s=OLD_S),
        hardened=lambda without: kept_sessions(older_than_s=OLD_S, _without=without),
        hardenings=HARDENINGS,
        rests_on=HARDENINGS,
    ),
)


def test_a_clean_up_deletes_no_session_that_is_saved_meanwhile(arbredis: Arbredis) -> None:
    arbredis.run(BESIDE_SAVES).assert_valid()


def test_idle_keys_are_no_old_sessions(arbredis: Arbredis) -> None:
    arbredis.run(IDLE).assert_valid()
