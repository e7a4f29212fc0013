"""What a fault is: a frozen value that can be injected at a site, and seen there by somebody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.faults.nature import Nature
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

Undo = Callable[[], None]
"""Heals what was injected, value and file; idempotent. Raises `ArbredisError` if it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a fault acts: a deployment, and the nodes that its target named when it was injected."""

    deployment: Deployment
    nodes: tuple[Node, ...]
    primary: str = ""
    """Name of the node that was primary just before the injection."""
    ended: frozenset[str] = frozenset()
    """Names of the nodes that did not run just before the injection."""
    clients: frozenset[tuple[str, int]] = frozenset()
    """Node and id of each connection of clients just before the injection, if the fault's nature asks for it."""
    written: Mapping[str, int] = field(default_factory=dict)
    """How many bytes the files of each node held just before the injection, if the fault's nature asks for it."""
    pids: tuple[int | None, ...] = ()
    """Process ids of the nodes just before the injection; None where one did not run, or has none that is known."""


class Fault(Protocol):
    """One way in which things go wrong.

    `inject` and `observe` never call each other: what `observe` says is seen by an independent probe, so that an
    injector that did nothing is found out.
    """

    name: ClassVar[str]
    nature: ClassVar[Nature]

    def inject(self, site: Site) -> Undo:
        """Bring it about; returns what heals it, once the servers accepted it.

        Raises `UsageError` before it did anything where it makes no sense here.
        """
        ...

    def observe(self, site: Site) -> str:
        """What an independent probe sees of the effect now, in a sentence with figures; empty if it sees none."""
        ...


F = TypeVar("F")


def undoing_all(undos: list[Undo]) -> Undo:
    """One undo for several, in reverse order. Each is tried, a failed one again next time; raises the first error."""

    def undo() -> None:
        first: Exception | None = None
        for one in reversed(undos.copy()):
            try:
                one()
            except Exception as error:  # noqa: BLE001 - raised again below
                first = first or error
            else:
                undos.remove(one)
        if first is not None:
            raise first

    return undo


def params_of(fault: Fault) -> Mapping[str, Json]:
    """The fields of a fault, for the history."""
    return {item.name: cast("Json", getattr(fault, item.name)) for item in fields(fault)}  # type: ignore[arg-type]
