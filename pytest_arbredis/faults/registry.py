"""Every fault by its name: the shipped ones, and those of others, by the entry point `arbredis.faults`."""

from __future__ import annotations

import functools
from dataclasses import is_dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.bandwidth import Bandwidth
from pytest_arbredis.faults.blackhole import Blackhole
from pytest_arbredis.faults.busy_script import BusyScript
from pytest_arbredis.faults.client_kill import ClientKill
from pytest_arbredis.faults.client_pause import ClientPause
from pytest_arbredis.faults.cpu_quota import CpuQuota
from pytest_arbredis.faults.crash import Crash
from pytest_arbredis.faults.demotion import Demotion
from pytest_arbredis.faults.disk_full import DiskFull
from pytest_arbredis.faults.down import Down
from pytest_arbredis.faults.empty_restart import EmptyRestart
from pytest_arbredis.faults.eviction import Eviction
from pytest_arbredis.faults.failover import Failover
from pytest_arbredis.faults.freeze import Freeze
from pytest_arbredis.faults.latency import Latency
from pytest_arbredis.faults.limit_data import LimitData
from pytest_arbredis.faults.loading import Loading
from pytest_arbredis.faults.max_clients import MaxClients
from pytest_arbredis.faults.memory_limit import MemoryLimit
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.no_replicas import NoReplicas
from pytest_arbredis.faults.out_of_memory import OutOfMemory
from pytest_arbredis.faults.pause import Pause
from pytest_arbredis.faults.power_loss import PowerLoss
from pytest_arbredis.faults.replication_cut import ReplicationCut
from pytest_arbredis.faults.reset import Reset
from pytest_arbredis.faults.restart import Restart
from pytest_arbredis.faults.slice import Slice
from pytest_arbredis.faults.slow_close import SlowClose
from pytest_arbredis.faults.slow_disk import SlowDisk
from pytest_arbredis.faults.stall import Stall
from pytest_arbredis.faults.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.faults.fault import Fault

GROUP = "arbredis.faults"
"""Entry points of this group name classes of faults: `power_cut = "my_package.faults:PowerCut"`."""

FAULTS: dict[str, type[Fault]] = {
    fault.name: fault
    for fault in (
        Bandwidth,
        Blackhole,
        BusyScript,
        ClientKill,
        ClientPause,
        CpuQuota,
        Crash,
        Demotion,
        DiskFull,
        Down,
        EmptyRestart,
        Eviction,
        Failover,
        Freeze,
        Latency,
        LimitData,
        Loading,
        MaxClients,
        MemoryLimit,
        NoReplicas,
        OutOfMemory,
        Pause,
        PowerLoss,
        ReplicationCut,
        Reset,
        Restart,
        Slice,
        SlowClose,
        SlowDisk,
        Stall,
        Stop,
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
        if why := _no_fault(kind, point.name, found):
            raise UsageError(
                f"{point.value} is no fault {point.name!r}: {why}",
                remedy="mend or uninstall the package that brings it; docs/creating-faults.md says how one is made",
            )
        found[point.name] = cast("type[Fault]", kind)
    return found


def _no_fault(kind: object, name: str, found: Mapping[str, object]) -> str:
    """Why what an entry point of this name leads to is no fault that could be used; empty if it is one."""
    if not isinstance(kind, type) or not is_dataclass(kind):
        return f"it is no dataclass but {kind!r}"
    missing = [part for part in ("name", "nature", "inject", "observe") if not hasattr(kind, part)]
    if missing:
        return f"it has no {', '.join(missing)}"
    if not isinstance(kind.nature, Nature):  # type: ignore[attr-defined]
        return f"its nature is no Nature but {kind.nature!r}"  # type: ignore[attr-defined]
    if kind.name != name:  # type: ignore[attr-defined]
        return f"it calls itself {kind.name!r}"  # type: ignore[attr-defined]
    if name in FAULTS:
        return "that is the name of a shipped one"
    return "another package brings one of the same name" if name in found else ""


def kind_of(name: str) -> type[Fault]:
    """The class of the fault of this name; else a usage error with the known names."""
    known = FAULTS if name in FAULTS else {**FAULTS, **others()}
    if name not in known:
        raise UsageError.unknown("fault", name, known)
    return known[name]
