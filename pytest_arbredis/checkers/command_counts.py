"""What servers counted (INFO commandstats): between two looks at a node, how many commands of each name arrived there.

A count says how many, not whose. So only names count that neither Sentinels nor replication use, on a replica only
reads (writes come to it from its primary), and a name that the harness itself sent meanwhile is doubtful. A command
that was refused (`rejected_calls`, which MONITOR does not show) arrived too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from pytest_arbredis.checkers.seen import HOUSEKEEPING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json

OF_SERVERS: Final = frozenset(
    {
        *("ACL", "DEBUG", "EXEC", "FAILOVER", "LATENCY", "MEMORY", "MULTI", "PSUBSCRIBE", "PSYNC", "PUBLISH"),
        *("REPLCONF", "REPLICAOF", "SCRIPT", "SHUTDOWN", "SLAVEOF", "SLOWLOG", "SUBSCRIBE", "SYNC"),
    }
)
"""Names that Sentinels, replicas and the harness's probes use: a count of them accuses nobody."""

READS: Final = frozenset(
    {
        *("BITCOUNT", "DBSIZE", "EVALSHA_RO", "EVAL_RO", "EXISTS", "FCALL_RO", "GET", "GETBIT", "GETRANGE", "HEXISTS"),
        *("HGET", "HGETALL", "HKEYS", "HLEN", "HMGET", "HVALS", "KEYS", "LINDEX", "LLEN", "LRANGE", "MGET", "PTTL"),
        *("SCAN", "SCARD", "SISMEMBER", "SMEMBERS", "STRLEN", "TTL", "TYPE", "XLEN", "XRANGE", "XREAD", "ZCARD"),
        *("ZRANGE", "ZRANGEBYSCORE", "ZRANK", "ZSCORE"),
    }
)
"""Names that replication never brings to a replica."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise:
    """Commands that arrived at a node after `after_ns` and by `by_ns`, by name.

    `doubtful` are names that the harness sent too. `blind`: what else arrived then is not known.
    """

    node: str
    after_ns: int
    by_ns: int
    calls: Mapping[str, int]
    doubtful: frozenset[str] = frozenset()
    blind: bool = False

    @property
    def count(self) -> int:
        """How many arrived."""
        return sum(self.calls.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """A node's counts since its process `run` started, read between `asked_ns` and `at_ns`; no `run`: it was down."""

    asked_ns: int
    at_ns: int
    run: str | None
    replica: bool
    calls: Mapping[str, int]
    ours: Mapping[str, int]


def rises(history: History, names: Iterable[str] = ()) -> dict[str, list[Rise]]:
    """By node, in order: what was counted, of these names or all but housekeeping and what servers ask each other."""
    wanted = frozenset(name.upper() for name in names)
    return {node: [*_rises(node, looks, wanted)] for node, looks in _looks(history).items()}


def _rises(node: str, looks: Sequence[_Look], wanted: frozenset[str]) -> Iterator[Rise]:
    for earlier, (one, following) in zip([*looks[:1], *looks], pairwise(looks), strict=False):
        after_ns, by_ns = one.asked_ns, following.at_ns
        if following.run is None:  # it ended: what came shortly before that was not counted any more
            yield Rise(node=node, after_ns=after_ns, by_ns=by_ns, calls={}, blind=one.run is not None)
            continue
        same = one.run in {None, following.run}
        before = one.calls if one.run == following.run else {}
        names = {*before, *following.calls} & wanted if wanted else {*before, *following.calls}
        names -= OF_SERVERS if wanted else OF_SERVERS | HOUSEKEEPING
        if one.replica or following.replica:
            names &= READS
        grown = {name: following.calls.get(name, 0) - before.get(name, 0) for name in names}
        yield Rise(
            node=node,
            after_ns=after_ns,
            by_ns=by_ns,
            calls={name: count for name, count in grown.items() if count > 0},
            doubtful=frozenset(name for name in names if following.ours.get(name, 0) != earlier.ours.get(name, 0)),
            blind=not same or any(count < 0 for count in grown.values()),
        )


def _looks(history: History) -> dict[str, list[_Look]]:
    found: dict[str, list[_Look]] = {}
    for event in history.events_named("note"):
        if event.data.get("kind") != "commandstats":
            continue
        asked_ns, run = event.data.get("asked_ns"), event.data.get("run")
        look = _Look(
            asked_ns=asked_ns if isinstance(asked_ns, int) else event.at_ns,
            at_ns=event.at_ns,
            run=None if run is None else str(run),
            replica=event.data.get("role") == "slave",
            calls=_counts(event.data.get("calls")),
            ours=_counts(event.data.get("ours")),
        )
        looks = found.setdefault(str(event.data.get("node")), [])
        if look.run is not None and len(looks) > 1 and looks[-1].run is None and looks[-2].run == look.run:
            looks.pop()  # it only did not answer: the same process counted on
        if look.run is None and len(looks) > 1 and looks[-1].run is None and looks[-2].run is None:
            looks.pop()
        looks.append(look)
    return found


def _counts(told: Json) -> dict[str, int]:
    counted = told.items() if isinstance(told, dict) else ()
    return {name.upper(): count for name, count in counted if isinstance(count, int)}
