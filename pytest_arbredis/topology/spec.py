"""Topologies as values: what to deploy, not where or how.

topologies.sentinel(replicas=2, sentinels=3, timing="fast")
topologies.single(conf={"maxmemory": "64mb"})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pytest_arbredis.errors import UsageError

TopologyKind = Literal["single", "sentinel"]
TimingName = Literal["fast", "production"]

KINDS: tuple[TopologyKind, ...] = ("single", "sentinel")
TIMING_NAMES: tuple[TimingName, ...] = ("fast", "production")
MOST_REPLICAS = 5
MOST_SENTINELS = 7

ROLES = ("primary", "replicas", "replica", "nodes", "crashed", "sentinels", "minority", "majority")
"""Names of targets, beside those of nodes (n0, n1, …; s0, s1, …). `replica` is the first of the replicas; `minority`
are the most Sentinels that can be lost with a majority left, `majority` the fewest whose loss leaves a minority."""

ASIDE = ("replicas", "replica", "sentinels", "minority", "majority")
"""Roles that a client of the primary sends no commands to: it meets their faults by what it does meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Which servers stand, and how they are tuned; equal values share one deployment.

    `conf` are directives of redis.conf for every data node, as pairs sorted by name.
    """

    kind: TopologyKind = "sentinel"
    replicas: int = 0
    sentinels: int = 0
    timing: TimingName = "fast"
    conf: tuple[tuple[str, str], ...] = field(default=())

    def __post_init__(self) -> None:
        """Refuse at definition what could only fail in minute nine."""
        if self.kind not in KINDS:
            raise UsageError.unknown("topology", self.kind, KINDS)
        if self.timing not in TIMING_NAMES:
            raise UsageError.unknown("timing", self.timing, TIMING_NAMES)
        limits = (("replicas", self.replicas, MOST_REPLICAS), ("sentinels", self.sentinels, MOST_SENTINELS))
        for name, count, most in limits:
            if type(count) is not int or not 0 <= count <= most:
                raise UsageError(f"{name}={count!r}", remedy=f"use a whole number from 0 to {most}")
        if self.kind == "sentinel" and (self.replicas < 1 or not 1 <= self.sentinels <= MOST_SENTINELS):
            raise UsageError(
                f"a topology with replicas={self.replicas!r} and sentinels={self.sentinels!r} cannot fail over",
                remedy=f"use at least 1 replica and 1 to {MOST_SENTINELS} Sentinels (an odd number, usually 3)",
            )
        if self.kind == "single" and (self.replicas or self.sentinels):
            raise UsageError("a single topology has no replicas and no Sentinels", remedy="use topology='sentinel'")

    @property
    def quorum(self) -> int:
        """Sentinels that must agree that the primary is down: a majority."""
        return self.sentinels // 2 + 1

    @property
    def data_nodes(self) -> int:
        """Primary and replicas together."""
        return 1 + self.replicas

    def __str__(self) -> str:
        if self.kind == "single":
            return "single"
        return f"sentinel (1 primary, {self.replicas} replicas, {self.sentinels} Sentinels, {self.timing} timing)"


def single(*, conf: Mapping[str, str] | None = None) -> Topology:
    """One Redis, nobody to take over."""
    return Topology(kind="single", conf=_pairs(conf))


def sentinel(
    *, replicas: int = 2, sentinels: int = 3, timing: TimingName = "fast", conf: Mapping[str, str] | None = None
) -> Topology:
    """One primary with replicas, watched by Sentinels."""
    return Topology(kind="sentinel", replicas=replicas, sentinels=sentinels, timing=timing, conf=_pairs(conf))


def _pairs(conf: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    if conf is not None and not isinstance(conf, Mapping):
        raise UsageError(f"conf={conf!r}", remedy="give directives of redis.conf, {'appendonly': 'yes'}")
    return tuple(sorted((name, str(value)) for name, value in (conf or {}).items()))


def check_target(target: str) -> str:
    """The target itself if it names a role or could name a node; else a usage error with the known names."""
    if target in ROLES or (len(target) > 1 and target[0] in "ns" and target[1:].isdigit()):
        return target
    raise UsageError.unknown("target", target, (*ROLES, "n0, n1, … (a data node)", "s0, s1, … (a Sentinel)"))
