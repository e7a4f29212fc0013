"""Credentials: what is stored can be read with the key only.

Before, during and after a crash no value can be found as text in Redis, in what the layer and redis-py log, in their
errors, or in what a log would show of a credential that was read; and what was acknowledged is there. In the end no
value of the run is readable in any file of the server: append-only files, a snapshot that is taken then, its log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, topologies, workloads
from pytest_arbredis.load.searched import searched
from pytest_arbredis.scenarios.naive import trading as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.credentials.cipher import HARDENINGS
from pytest_arbredis.state.keyspace.patterns import API_KEYS
from pytest_arbredis.subjects.state.credentials import credentials

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

AT_REST = Scenario(
    name="state_credentials.at_rest",
    promise="Credentials are never readable at rest, in a log or in an error, also over a crash.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "always"}),
    subject=credentials(),
    workload=searched(workloads.unique_writes(rate_hz=240, clients=4, read_share=0.5), until_s=2),
    faults=schedule.at(seconds=0.8).crash("primary").at(seconds=1.2).restart("crashed"),
    seconds=2.4,
    judged=("write", "read"),
    checks=(
        checks.values_read_were_written(),
        checks.values_read_were_written(names=("search",)),
        checks.linearizable_register(),
    ),
    read_back=False,
    profiles=("release",),
)

SHOWN = hazard_of(
    AT_REST,
    naive.credentials(),
    promise="Credentials that are encrypted in Redis only are plain texts to every log that is given one.",
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="storing or reading a credential",
        keys=(API_KEYS,),
        event="crash, AOF always",
        may_be={"refused": "while Redis is away"},
        proof=AT_REST,
        naive=naive.credentials(),
        hardened=lambda without: credentials(_without=without),
        hardenings=HARDENINGS,
        rests_on=HARDENINGS,
    ),
)


def test_credentials_are_never_readable_at_rest(arbredis: Arbredis) -> None:
    arbredis.run(AT_REST).assert_valid()


def test_plain_texts_show_themselves(arbredis: Arbredis) -> None:
    arbredis.run(SHOWN).assert_valid()
