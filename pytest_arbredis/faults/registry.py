"""Every fault by its name: the shipped ones, and those of others, by the entry point `arbredis.faults`."""

from __future__ import annotations

import functools
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.crash import Crash
from pytest_arbredis.faults.down import Down
from pytest_arbredis.faults.failover import Failover
from pytest_arbredis.faults.latency import Latency
from pytest_arbredis.faults.limit_data import LimitData
from pytest_arbredis.faults.out_of_memory import OutOfMemory
from pytest_arbredis.faults.pause import Pause
from pytest_arbredis.faults.replication_cut import ReplicationCut
from pytest_arbredis.faults.reset import Reset
from pytest_arbredis.faults.restart import Restart

if TYPE_CHECKING:
    from pytest_arbredis.faults.fault import Fault

GROUP = "arbredis.faults"
"""Entry points of this group name classes of faults: `power_cut = "my_package.faults:PowerCut"`."""

FAULTS: dict[str, type[Fault]] = {
    fault.name: fault
    for fault in (
        Crash,
        Down,
        Failover,
        Latency,
        LimitData,
        OutOfMemory,
        Pause,
        ReplicationCut,
        Reset,
        Restart,
    )
}
"""The shipped ones."""


@functools.cache
def others() -> dict[str, type[Fault]]:
    """Faults that installed packages bring, by the name of their entry point, which is their own."""
    found: dict[str, type[Fault]] = {}
    for point in entry_points(group=GROUP):
        try:
            kind = point.load()
        except Exception as error:
            raise UsageError(
                f"the fault {point.name!r} of {point.value} cannot be imported: {type(error).__name__}: {error}",
                remedy="mend or uninstall the package that brings it",
            ) from error
        missing = [part for part in ("name", "nature", "inject", "observe") if not hasattr(kind, part)]
        if missing or kind.name != point.name or point.name in FAULTS:
            raise UsageError(
                f"{point.value} is no fault {point.name!r}: "
                + (f"it has no {', '.join(missing)}" if missing else f"it calls itself {kind.name!r}, or that is ours"),
                remedy="see docs/creating-faults.md",
            )
        found[point.name] = cast("type[Fault]", kind)
    return found


def kind_of(name: str) -> type[Fault]:
    """The class of the fault of this name; else a usage error with the known names."""
    known = FAULTS if name in FAULTS else {**FAULTS, **others()}
    if name not in known:
        raise UsageError.unknown("fault", name, known)
    return known[name]
