"""The faults by name, as verbs that read like sentences; the same for a schedule and for a test's fixture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

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
from pytest_arbredis.faults.no_replicas import NoReplicas
from pytest_arbredis.faults.out_of_memory import OutOfMemory
from pytest_arbredis.faults.pause import Pause
from pytest_arbredis.faults.power_loss import PowerLoss
from pytest_arbredis.faults.registry import FAULTS, others
from pytest_arbredis.faults.replication_cut import ReplicationCut
from pytest_arbredis.faults.reset import Reset
from pytest_arbredis.faults.restart import Restart
from pytest_arbredis.faults.slice import Slice
from pytest_arbredis.faults.slow_close import SlowClose
from pytest_arbredis.faults.slow_disk import SlowDisk
from pytest_arbredis.faults.stall import Stall
from pytest_arbredis.faults.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.faults.blackhole import Direction
    from pytest_arbredis.faults.eviction import Policy
    from pytest_arbredis.faults.fault import Fault

R = TypeVar("R")


class Verbs(ABC, Generic[R]):
    """One method a fault. What is done with it, now or later, is the subclass's: it gives `_put`.

    `expect_unobserved` is for a test that wants nothing of its own to meet the fault.
    """

    def __getattr__(self, name: str) -> Callable[..., R]:
        """The verb of a fault that another package brings: its fields are keyword arguments."""
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in others():
            raise AttributeError(str(UsageError.unknown("fault", name, [*FAULTS, *others()])), name=name, obj=self)

        def put(target: str = "primary", *, expect_unobserved: bool = False, **settings: object) -> R:
            return self._put(others()[name](**settings), target, expect_unobserved=expect_unobserved)

        return put

    @abstractmethod
    def _put(self, fault: Fault, target: str, *, expect_unobserved: bool) -> R:
        """Inject it now, or put it on a schedule."""

    def latency(self, target: str, *, ms: int, jitter_ms: int = 0, expect_unobserved: bool = False) -> R:
        """Delay replies of the target by `ms` ± `jitter_ms`."""
        return self._put(Latency(ms=ms, jitter_ms=jitter_ms), target, expect_unobserved=expect_unobserved)

    def down(self, target: str, *, expect_unobserved: bool = False) -> R:
        """Make the target unreachable at its address."""
        return self._put(Down(), target, expect_unobserved=expect_unobserved)

    def reset(self, target: str, *, expect_unobserved: bool = False) -> R:
        """Cut connections to the target with RST when they carry data."""
        return self._put(Reset(), target, expect_unobserved=expect_unobserved)

    def limit_data(
        self, target: str, *, bytes: int = 0, after_handshake: bool = False, expect_unobserved: bool = False
    ) -> R:
        """Lose the reply of the next command (see `LimitData`)."""
        return self._put(
            LimitData(bytes=bytes, after_handshake=after_handshake), target, expect_unobserved=expect_unobserved
        )

    def crash(self, target: str, *, expect_unobserved: bool = False) -> R:
        """Kill the target's process."""
        return self._put(Crash(), target, expect_unobserved=expect_unobserved)

    def restart(self, target: str = "crashed", *, expect_unobserved: bool = False) -> R:
        """Start what ended again."""
        return self._put(Restart(), target, expect_unobserved=expect_unobserved)

    def power_loss(self, target: str = "primary", *, expect_unobserved: bool = False) -> R:
        """Kill the target, and take away what it had not synced. Its topology needs power=True."""
        return self._put(PowerLoss(), target, expect_unobserved=expect_unobserved)

    def slow_disk(self, target: str = "primary", *, fsync_ms: int, expect_unobserved: bool = False) -> R:
        """Let every sync of the target take `fsync_ms` longer. Its topology needs power=True."""
        return self._put(SlowDisk(fsync_ms=fsync_ms), target, expect_unobserved=expect_unobserved)

    def pause(self, target: str, *, expect_unobserved: bool = False) -> R:
        """Stop the target's process without ending it: a zombie."""
        return self._put(Pause(), target, expect_unobserved=expect_unobserved)

    def replication_cut(self, target: str = "replicas", *, expect_unobserved: bool = False) -> R:
        """Let replicas follow nobody."""
        return self._put(ReplicationCut(), target, expect_unobserved=expect_unobserved)

    def failover(self, target: str = "primary", *, expect_unobserved: bool = False) -> R:
        """Have Sentinel promote a replica."""
        return self._put(Failover(), target, expect_unobserved=expect_unobserved)

    def out_of_memory(self, target: str = "primary", *, headroom_mb: int = 8, expect_unobserved: bool = False) -> R:
        """Fill the target until it refuses writes."""
        return self._put(OutOfMemory(headroom_mb=headroom_mb), target, expect_unobserved=expect_unobserved)

    def loading(self, target: str = "primary", *, seconds: int = 3, expect_unobserved: bool = False) -> R:
        """Restart the target with so much data that it loads for `seconds`."""
        return self._put(Loading(seconds=seconds), target, expect_unobserved=expect_unobserved)

    def disk_full(self, target: str = "primary", *, expect_unobserved: bool = False) -> R:
        """Let the target find no room for its snapshot, so that it refuses writes."""
        return self._put(DiskFull(), target, expect_unobserved=expect_unobserved)

    def memory_limit(self, target: str, *, mb: int, expect_unobserved: bool = False) -> R:
        """Limit the memory of the target's container, and fill it until the kernel ends the server."""
        return self._put(MemoryLimit(mb=mb), target, expect_unobserved=expect_unobserved)

    def cpu_quota(self, target: str, *, percent: int, expect_unobserved: bool = False) -> R:
        """Give the target's container only so much of one processor."""
        return self._put(CpuQuota(percent=percent), target, expect_unobserved=expect_unobserved)

    def freeze(self, target: str, *, expect_unobserved: bool = False) -> R:
        """Pause the target's container."""
        return self._put(Freeze(), target, expect_unobserved=expect_unobserved)

    def stop(self, target: str, *, expect_unobserved: bool = False) -> R:
        """End the target in good order."""
        return self._put(Stop(), target, expect_unobserved=expect_unobserved)

    def eviction(
        self,
        target: str = "primary",
        *,
        policy: Policy = "allkeys-lru",
        headroom_mb: int = 8,
        expect_unobserved: bool = False,
    ) -> R:
        """Fill the target until it evicts keys."""
        return self._put(Eviction(policy=policy, headroom_mb=headroom_mb), target, expect_unobserved=expect_unobserved)

    def demotion(self, target: str = "primary", *, expect_unobserved: bool = False) -> R:
        """Make the target a replica, and leave its clients connected."""
        return self._put(Demotion(), target, expect_unobserved=expect_unobserved)

    def busy_script(self, target: str = "primary", *, expect_unobserved: bool = False) -> R:
        """Keep the target busy with a script that does not end."""
        return self._put(BusyScript(), target, expect_unobserved=expect_unobserved)

    def max_clients(self, target: str = "primary", *, expect_unobserved: bool = False) -> R:
        """Take every connection that the target can have."""
        return self._put(MaxClients(), target, expect_unobserved=expect_unobserved)

    def no_replicas(self, target: str = "primary", *, expect_unobserved: bool = False) -> R:
        """Let the target refuse writes for want of replicas."""
        return self._put(NoReplicas(), target, expect_unobserved=expect_unobserved)

    def empty_restart(self, target: str = "primary", *, expect_unobserved: bool = False) -> R:
        """Restart the target without its data, and let its replicas copy that. DELETES everything."""
        return self._put(EmptyRestart(), target, expect_unobserved=expect_unobserved)

    def bandwidth(self, target: str, *, kb_per_s: int, expect_unobserved: bool = False) -> R:
        """Let each connection to the target carry `kb_per_s` thousand bytes a second, each way."""
        return self._put(Bandwidth(kb_per_s=kb_per_s), target, expect_unobserved=expect_unobserved)

    def stall(self, target: str, *, expect_unobserved: bool = False) -> R:
        """Hold what is sent to the target, and deliver it when healed."""
        return self._put(Stall(), target, expect_unobserved=expect_unobserved)

    def blackhole(self, target: str, *, direction: Direction = "replies", expect_unobserved: bool = False) -> R:
        """Drop `replies`, `requests` or `both`, while connections stay open."""
        return self._put(Blackhole(direction=direction), target, expect_unobserved=expect_unobserved)

    def slow_close(self, target: str, *, ms: int, expect_unobserved: bool = False) -> R:
        """Let clients learn `ms` late that the target has ended a connection."""
        return self._put(SlowClose(ms=ms), target, expect_unobserved=expect_unobserved)

    def slice(self, target: str, *, bytes: int, delay_us: int = 0, expect_unobserved: bool = False) -> R:
        """Let replies of the target come in pieces of at most `bytes` bytes, `delay_us` apart."""
        return self._put(Slice(bytes=bytes, delay_us=delay_us), target, expect_unobserved=expect_unobserved)

    def client_kill(self, target: str = "primary", *, expect_unobserved: bool = False) -> R:
        """Have the target close its clients' connections, once."""
        return self._put(ClientKill(), target, expect_unobserved=expect_unobserved)

    def client_pause(
        self, target: str = "primary", *, ms: int, writes_only: bool = False, expect_unobserved: bool = False
    ) -> R:
        """Let the target's clients (or only their writes) wait for `ms`, or until healed."""
        return self._put(ClientPause(ms=ms, writes_only=writes_only), target, expect_unobserved=expect_unobserved)
