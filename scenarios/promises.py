"""What the state layer promises, as values: each scenario file of the layer has its `CLAIMS`, of which docs are made.

A claim says for an operation on some keys what an event may do to it and which scenario proves that. The naive twin is
run by the very same scenario (`hazard_of`): workload, schedule, seed and checks are the same, only the subject differs,
and one of the checks must be violated. A hardening that the claim rests on is proven the same way: with it left out,
the proof must come out invalid, and with any other left out it must not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass, field, replace
from typing import Literal

from pytest_arbredis.checkers.by_name import spelled
from pytest_arbredis.checkers.violated import Violated
from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.protocol import Subject  # noqa: TC001 - as above
from pytest_arbredis.scenario import Scenario  # noqa: TC001 - as above
from pytest_arbredis.state.keyspace.pattern import KeyPattern  # noqa: TC001 - as above

Event = Literal[
    "crash, AOF always",
    "crash, AOF everysec",
    "crash, no fsync",
    "crash, no persistence",
    "crash, RDB",
    "power loss, AOF always",
    "power loss, AOF everysec",
    "power loss, no fsync",
    "power loss, RDB",
    "failover, stock",
    "failover, min-replicas",
    "failover, WAIT by all",
    "partition",
    "OOM",
    "eviction",
    "Redis away",
    "reply lost",
    "stall",
    "disconnect",
    "consumer dies",
    "concurrency",
    "no fault",
]
"""What may happen to Redis, or to the way to it."""

Fate = Literal["lost", "repeated", "delayed", "refused"]
"""What may become of an operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One row of the table of promises.

    Without `keys` it holds for any key. `may_be` says in a few words what the operation may be in this event; what is
    absent there may not happen. `proof` is the guarantee, on the hardened layer, or a hazard that nothing mends;
    `naive` the same design as written, which must be found out by the proof. `hardened` makes the proof's subject
    without some of `hardenings`, the switches that it has; the claim rests on those of `rests_on`. Of those of
    `unjudged` the proof cannot say anything, for the reason that stands there.
    """

    operation: str
    keys: tuple[KeyPattern, ...]
    event: Event
    may_be: Mapping[Fate, str]
    proof: Scenario
    naive: Subject | None = None
    hardened: Callable[[frozenset[str]], Subject] | None = None
    hardenings: frozenset[str] = frozenset()
    rests_on: frozenset[str] = frozenset()
    unjudged: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        strange = (self.rests_on - self.hardenings) | (self.hardenings & self.unjudged.keys())
        if strange or (self.hardenings and self.hardened is None):
            raise UsageError(
                f"{self.proof.name} rests on {sorted(strange or self.hardenings)}, which cannot be left out",
                remedy="give `hardened`, and name its switches in `hardenings`",
            )


def hazard_of(proof: Scenario, naive: Subject, *, promise: str, name: str = "") -> Scenario:
    """The hazard that the naive twin shows in the very scenario that the hardened layer passes.

    It is named `<proof>.naive`. Raises `UsageError` if a check of the proof is a user's own: it could not be replayed.
    """
    claims = tuple(spelled(check) for check in proof.checks)
    if None in claims:
        raise UsageError(f"a check of {proof.name} has no name", remedy="use checks of pytest_arbredis.checks")
    return replace(
        proof,
        name=name or f"{proof.name}.naive",
        kind="hazard",
        promise=promise,
        subject=naive,
        checks=(Violated(claims=tuple(filter(None, claims))),),
    )
