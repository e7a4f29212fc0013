"""What Sentinels published, as a history holds it: each Sentinel's events in order, with the epochs they name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Event

LEADER: Final = (
    "+try-failover",
    "+elected-leader",
    "+failover-state-select-slave",
    "+selected-slave",
    "+failover-state-send-slaveof-noone",
    "+failover-state-wait-promotion",
    "+promoted-slave",
    "+failover-state-reconf-slaves",
    "+failover-end",
    "+switch-master",
)
"""What the leader of a failover publishes from its start to its end, in this order."""
RECONFIGURED: Final = ("+slave-reconf-sent", "+slave-reconf-inprog", "+slave-reconf-done")
"""What the leader publishes of each other replica, in this order, before the failover's end."""
ABORTED: Final = "-failover-abort-"

_AS_PUBLISHED: Final = (
    *("+sdown", "+odown", "+new-epoch", "+try-failover", "+vote-for-leader"),
    *LEADER[1:-2],
    *RECONFIGURED,
    "+config-update-from",
    *LEADER[-2:],
)
_RANK: Final = {name: rank for rank, name in enumerate(_AS_PUBLISHED)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One event of one Sentinel; `epoch` only where the event, or its detail, names one."""

    at_ns: int
    sentinel: str
    name: str
    detail: str
    epoch: int | None

    @property
    def of_master(self) -> bool:
        """Whether it is about the watched primary, not about a replica or another Sentinel."""
        return not self.detail or self.detail.startswith("master")

    @property
    def words(self) -> tuple[str, ...]:
        """The words of its detail."""
        return tuple(self.detail.split())


def published(history: History) -> dict[str, tuple[Published, ...]]:
    """Every Sentinel's events by time; those of one instant in the order of a failover."""
    found: dict[str, list[Published]] = {}
    for event in history.events_named("sentinel"):
        found.setdefault(event.source, []).append(_published(event))
    return {
        sentinel: tuple(sorted(events, key=lambda one: (one.at_ns, _RANK.get(one.name, len(_RANK)))))
        for sentinel, events in sorted(found.items())
    }


def _published(event: Event) -> Published:
    name, detail = str(event.data.get("event", "")), str(event.data.get("detail") or "")
    epoch = event.data.get("epoch")
    if name in {"+new-epoch", "+vote-for-leader"} and not isinstance(epoch, int):
        last = detail.rpartition(" ")[2]
        epoch = int(last) if last.isdigit() else None
    if name == "+config-update-from":  # its detail ends with a port
        epoch = None
    return Published(
        at_ns=event.at_ns,
        sentinel=event.source,
        name=name,
        detail=detail,
        epoch=epoch if isinstance(epoch, int) else None,
    )
