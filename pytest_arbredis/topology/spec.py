"""Topologies as values: what to deploy, not where or how.

topologies.sentinel(replicas=2, sentinels=3, timing="fast")
topologies.single(conf={"maxmemory": "64mb"}, password="secret")
topologies.named("dual", acl="users.acl")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pytest_arbredis.errors import UsageError
from pytest_arbredis.servers.certificates import TlsFiles
from pytest_arbredis.topology.settings import Pairs, conf_of, load_of, path_of, sentinel_conf_of, tls_of

if TYPE_CHECKING:
    import redis

TopologyKind = Literal["single", "replicated", "sentinel", "dual"]
TimingName = Literal["fast", "production"]

KINDS: tuple[TopologyKind, ...] = get_args(TopologyKind)
TIMING_NAMES: tuple[TimingName, ...] = get_args(TimingName)
MOST_REPLICAS = 5
MOST_SENTINELS = 7

COMMON = ("conf", "password", "acl", "tls", "load", "version", "power")
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "single": COMMON,
    "replicated": ("replicas", *COMMON),
    "sentinel": ("replicas", "sentinels", "timing", "sentinel_conf", *COMMON),
    "dual": COMMON,
}
"""What each kind may be given beside its name."""

ROLES = ("primary", "second", "replicas", "replica", "nodes", "crashed", "sentinels", "minority", "majority")
"""Names of targets, beside those of nodes (n0, n1, …; s0, s1, …). `second` is the other Redis of a dual topology;
`replica` is the first of the replicas; `minority` are the most Sentinels that can be lost with a majority left,
`majority` the fewest whose loss leaves a minority."""

ASIDE = ("replicas", "replica", "sentinels", "minority", "majority")
"""Roles that a client of the primary sends no commands to: it meets their faults by what it does meanwhile."""


def is_aside(target: str) -> bool:
    """Whether a target is one of those roles, or names a Sentinel."""
    return target in ASIDE or (target[:1] == "s" and target[1:].isdigit())


Load = Callable[["redis.Redis"], object]
Conf = Mapping[str, object] | str | Path
Tls = bool | TlsFiles | Mapping[str, str | Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Which servers stand, and how they are tuned; equal values share one deployment.

    `conf` are directives of redis.conf for every data node, `sentinel_conf` settings of the Sentinels, both as pairs
    sorted by name. `password` is the default user's and never shown. `acl` is an ACL file for every data node. `load`
    fills every primary, at the start and after each reset: a function of a client, or an RDB file. `version` is what
    the version of Redis must begin with. With `power` the data nodes note what they sync, as a loss of power and a slow
    disk need it.
    """

    kind: TopologyKind = "sentinel"
    replicas: int = 0
    sentinels: int = 0
    timing: TimingName = "fast"
    conf: Pairs = field(default=())
    sentinel_conf: Pairs = field(default=())
    password: str | None = field(default=None, repr=False)
    acl: Path | None = None
    tls: bool | TlsFiles = False
    load: Load | Path | None = None
    version: str | None = None
    power: bool = False

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
        if self.kind == "replicated" and (self.replicas < 1 or self.sentinels):
            raise UsageError(
                f"a replicated topology with replicas={self.replicas!r} and sentinels={self.sentinels!r}",
                remedy="use at least 1 replica and no Sentinels, or topology='sentinel'",
            )
        if self.kind in {"single", "dual"} and (self.replicas or self.sentinels):
            raise UsageError(
                f"a {self.kind} topology has no replicas and no Sentinels", remedy="use topology='sentinel'"
            )
        if self.sentinel_conf and not self.sentinels:
            raise UsageError(f"sentinel_conf without Sentinels ({self.kind})", remedy="use topology='sentinel'")
        if self.password is not None and (not isinstance(self.password, str) or not self.password):
            raise UsageError("the password is not a text, or empty", remedy="give a text, or leave it out")
        if not isinstance(self.power, bool):
            raise UsageError(f"power={self.power!r}", remedy="use power=True, or leave it out")
        if self.version is not None and (not isinstance(self.version, str) or not self.version[:1].isdigit()):
            raise UsageError(f"version={self.version!r}", remedy="give the beginning of a version, '7' or '7.0'")

    @property
    def quorum(self) -> int:
        """Sentinels that must agree that the primary is down: a majority, unless `sentinel_conf` says otherwise."""
        return int(dict(self.sentinel_conf).get("quorum", self.majority))

    @property
    def majority(self) -> int:
        """The fewest Sentinels that can elect one of them to fail over."""
        return self.sentinels // 2 + 1

    @property
    def primaries(self) -> int:
        """Data nodes that follow nobody: two in a dual topology, else one."""
        return 2 if self.kind == "dual" else 1

    @property
    def data_nodes(self) -> int:
        """Primaries and replicas together."""
        return self.primaries + self.replicas

    @property
    def is_guarded(self) -> bool:
        """Whether the harness needs a user of its own to be sure to get in."""
        return self.password is not None or self.acl is not None

    def __str__(self) -> str:
        parts = {
            "single": "single",
            "dual": "dual (2 independent Redis)",
            "replicated": f"replicated (1 primary, {self.replicas} replicas)",
            "sentinel": f"sentinel (1 primary, {self.replicas} replicas, {self.sentinels} Sentinels, "
            f"{self.timing} timing)",
        }
        asked = {
            "a password": self.password,
            "an ACL": self.acl,
            "TLS": self.tls,
            "data": self.load,
            "its syncs noted": self.power,
        }
        extras = [name for name, value in asked.items() if value]
        return parts[self.kind] + (f" with {', '.join(extras)}" if extras else "")


def single(
    *,
    conf: Conf | None = None,
    password: str | None = None,
    acl: str | Path | None = None,
    tls: Tls = False,
    load: Load | str | Path | None = None,
    version: str | None = None,
    power: bool = False,
) -> Topology:
    """One Redis, nobody to take over."""
    return _topology("single", conf=conf, password=password, acl=acl, tls=tls, load=load, version=version, power=power)


def replicated(
    *,
    replicas: int = 2,
    conf: Conf | None = None,
    password: str | None = None,
    acl: str | Path | None = None,
    tls: Tls = False,
    load: Load | str | Path | None = None,
    version: str | None = None,
    power: bool = False,
) -> Topology:
    """One primary with replicas and no Sentinel: a crashed primary stays away until it is started again."""
    more: dict[str, Any] = {"conf": conf, "password": password, "acl": acl, "tls": tls, "load": load}
    return _topology("replicated", replicas=replicas, version=version, power=power, **more)


def sentinel(
    *,
    replicas: int = 2,
    sentinels: int = 3,
    timing: TimingName = "fast",
    conf: Conf | None = None,
    sentinel_conf: Conf | None = None,
    password: str | None = None,
    acl: str | Path | None = None,
    tls: Tls = False,
    load: Load | str | Path | None = None,
    version: str | None = None,
    power: bool = False,
) -> Topology:
    """One primary with replicas, watched by Sentinels."""
    more: dict[str, Any] = {"conf": conf, "password": password, "acl": acl, "tls": tls, "load": load}
    counts: dict[str, Any] = {"replicas": replicas, "sentinels": sentinels, "timing": timing}
    return _topology("sentinel", sentinel_conf=sentinel_conf, version=version, power=power, **counts, **more)


def dual(
    *,
    conf: Conf | None = None,
    password: str | None = None,
    acl: str | Path | None = None,
    tls: Tls = False,
    load: Load | str | Path | None = None,
    version: str | None = None,
    power: bool = False,
) -> Topology:
    """Two independent Redis, n0 (`primary`) and n1 (`second`), neither of which follows the other."""
    return _topology("dual", conf=conf, password=password, acl=acl, tls=tls, load=load, version=version, power=power)


def named(kind: str, **settings: object) -> Topology:
    """A topology by the name of its kind, as a marker or a command line gives it."""
    if kind not in KINDS:
        raise UsageError.unknown("topology", kind, KINDS)
    known = {name for names in SETTINGS.values() for name in names}
    for name in settings:
        if name not in known:
            raise UsageError.unknown("setting of a topology", name, known)
        if name not in SETTINGS[kind]:
            raise UsageError(
                f"topology={kind!r} takes no {name}", remedy=f"leave it out; it takes: {', '.join(SETTINGS[kind])}"
            )
    makers: Mapping[str, Callable[..., Topology]] = {
        "single": single,
        "replicated": replicated,
        "sentinel": sentinel,
        "dual": dual,
    }
    return makers[kind](**settings)


def _topology(
    kind: TopologyKind,
    *,
    conf: Conf | None,
    password: str | None,
    acl: str | Path | None,
    tls: Tls,
    load: Load | str | Path | None,
    sentinel_conf: Conf | None = None,
    **more: Any,
) -> Topology:
    """The value, with everything that was given turned into what a value holds."""
    pairs, in_conf = conf_of(conf)
    if password is not None and in_conf is not None:
        raise UsageError("password= and requirepass of conf are both given", remedy="give one of them")
    return Topology(
        kind=kind,
        conf=pairs,
        sentinel_conf=sentinel_conf_of(sentinel_conf),
        password=in_conf if password is None else password,
        acl=None if acl is None else path_of(acl, noun="ACL file"),
        tls=tls_of(tls),
        load=load_of(load),
        **more,
    )


def check_target(target: str) -> str:
    """The target itself if it names a role or could name a node; else a usage error with the known names."""
    if target in ROLES or (len(target) > 1 and target[0] in "ns" and target[1:].isdigit()):
        return target
    raise UsageError.unknown("target", target, (*ROLES, "n0, n1, … (a data node)", "s0, s1, … (a Sentinel)"))
