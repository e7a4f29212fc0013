"""What a subject offers beyond the protocol, by optional attributes, and what a scenario asks of it.

- `operations`: names of the operations that it can apply; absent: all.
- `topologies`: kinds of topology that it can use; absent: all.
- `confirms`: its writes are answered with how many replicas confirmed them (WAIT).
- `says_fail`: it can say that an operation was certainly not applied: it counts its attempts, or judges itself.
- `absent`: why it cannot be opened here (its library is not installed); empty or absent: it can.
- `own_names`: it keeps keys under other names than those that it is asked for; absent: the layer's own subjects do.
- `follows_primary`: it knows no Sentinel, and is given one address that leads to the present primary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.load.protocol import Subject

OF_THE_LAYER: Final = "pytest_arbredis.subjects.state."
"""Where the subjects are that keep keys of the state layer's patterns."""


def operations_of(subject: Subject) -> frozenset[str] | None:
    """The operations that it names; None: all."""
    named = getattr(subject, "operations", None)
    return None if named is None else frozenset(named)


def topologies_of(subject: Subject) -> frozenset[str] | None:
    """The kinds of topology that it names; None: all."""
    named = getattr(subject, "topologies", None)
    return None if named is None else frozenset(named)


def follows_primary(subject: Subject) -> bool:
    """Whether it wants one address that leads to the present primary."""
    return bool(getattr(subject, "follows_primary", False))


def absent(subject: Subject) -> str:
    """Why it cannot be opened here; empty if it can."""
    return str(getattr(subject, "absent", ""))


def own_names(subject: Subject) -> bool:
    """Whether it keeps keys under names of its own, which a run's prefix does not cover."""
    return bool(getattr(subject, "own_names", type(subject).__module__.startswith(OF_THE_LAYER)))


def lacks(
    subject: Subject, *, operations: Iterable[str], topology: str, confirmed: bool = False, refusals: bool = False
) -> str:
    """Why this subject cannot be judged by what is asked, for people; empty if it can."""
    offered, known = operations_of(subject), topologies_of(subject)
    missing = [] if offered is None else sorted(set(operations) - offered)
    if missing:
        offers = ", ".join(sorted(offered or ())) or "none"
        return f"it asks for {', '.join(missing)}, and {subject.name} offers {offers}"
    if known is not None and topology not in known:
        return f"it runs on the topology {topology}, and {subject.name} works on {', '.join(sorted(known))}"
    if confirmed and not getattr(subject, "confirms", False):
        return f"it judges confirmed writes, and {subject.name} does not say how many replicas confirmed (WAIT)"
    if refusals and not getattr(subject, "says_fail", False):
        return f"it judges refused writes, and {subject.name} cannot say for certain that one was not applied"
    return ""
