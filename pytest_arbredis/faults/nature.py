"""The nature of a fault: what the nemesis, the witnesses and the reference must know of its kind, declared once.

Everything here is data beside `inject` and `observe`; a new kind of fault states it and changes no other file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from pytest_arbredis.errors import UsageError
from pytest_arbredis.topology.capabilities import CAPABILITIES, Capability

MetBy = Literal["target", "any", "after"]
"""Which operations of a history meet it: those attempted on its nodes while it was in force, any that were applied
meanwhile (it is on nodes that no client talks to), or any applied since (it is over at once, and changes the roles)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """Of one kind of fault.

    `client_sees`, `seen_by` and `example` are for people: what a client notices, what the probe looks at, a call in a
    test. `needs` are capabilities without which it cannot be injected.
    """

    client_sees: str
    seen_by: str
    example: str
    needs: tuple[Capability, ...] = ()
    met_by: MetBy = "target"
    met_at: str = ""
    """The role on which the code under test meets it, if that is not its target."""
    cuts: bool = False
    """Every open connection to the target meets it, used or not."""
    on_link: bool = False
    """It is on the link through the proxy: what goes past the proxy does not meet it."""
    only_new: bool = False
    """Only new connections meet it: those that were open go on as before."""
    momentary: bool = False
    """It is over when it is seen: nothing of it is left to heal by time."""
    remedy: bool = False
    """It mends something: nothing has to meet it."""
    ends: tuple[str, ...] = ()
    """The faults that it ends on the same nodes, as a restart ends a crash."""
    keeps_data: bool = False
    """The target's data is kept aside once it is in force, to show later what was lost."""
    notes_clients: bool = False
    """The connections of clients to the target are noted before the injection, for its probe (`Site.clients`)."""
    notes_files: bool = False
    """How much the files of the target hold is noted before the injection, for its probe (`Site.written`)."""
    probe_counts: bool = False
    """Its probe sends commands that would be taken for the test's own, so it looks before the witnesses count."""
    observed_within_s: float = 3.0
    """How long its effect may take to be seen."""

    def __post_init__(self) -> None:
        """Refuse what nobody would understand later."""
        if self.met_by not in get_args(MetBy):
            raise UsageError.unknown("met_by of a fault", self.met_by, get_args(MetBy))
        for need in self.needs:
            if need not in CAPABILITIES:
                raise UsageError.unknown("capability", need, CAPABILITIES)
        if not (self.client_sees and self.seen_by and self.example):
            raise UsageError("a fault that does not say what it is like", remedy="give client_sees, seen_by, example")

    @property
    def at_once(self) -> bool:
        """Injecting it returns only when it was seen, in an event loop too."""
        return self.momentary or self.probe_counts
