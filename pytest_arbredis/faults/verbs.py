"""The faults by name, as verbs that read like sentences; the same for a schedule and for a test's fixture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.crash import Crash
from pytest_arbredis.faults.down import Down
from pytest_arbredis.faults.failover import Failover
from pytest_arbredis.faults.latency import Latency
from pytest_arbredis.faults.limit_data import LimitData
from pytest_arbredis.faults.out_of_memory import OutOfMemory
from pytest_arbredis.faults.pause import Pause
from pytest_arbredis.faults.registry import FAULTS, others
from pytest_arbredis.faults.replication_cut import ReplicationCut
from pytest_arbredis.faults.reset import Reset
from pytest_arbredis.faults.restart import Restart

if TYPE_CHECKING:
    from collections.abc import Callable

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
