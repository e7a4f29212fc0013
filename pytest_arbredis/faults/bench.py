"""Faults for a test: injected when called, in force when the call returns, healed early or at teardown.

In a running event loop everything is done in threads: see `FaultHandle.in_force`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from pytest_arbredis._dials import DIALS, watch_dials
from pytest_arbredis.errors import HarnessError
from pytest_arbredis.faults.exposure import Exposure
from pytest_arbredis.faults.fault import Site
from pytest_arbredis.faults.verbs import Verbs
from pytest_arbredis.topology.spec import check_target, is_aside

if TYPE_CHECKING:
    from collections.abc import Generator
    from concurrent.futures import Future
    from types import TracebackType
    from typing import Self

    from pytest_arbredis.faults.fault import Fault
    from pytest_arbredis.faults.nemesis import Injection, Nemesis

HELD_UP_S = 0.1
"""So long at most a call holds up an event loop, for a fault that is quick to inject to be in force when it returns."""


class FaultHandle:
    """A fault in force. As a context manager, sync or async, it heals at the end of its block.

    In an event loop the call gives the handle at once, and the fault may not be in force yet: `async with` begins its
    block, and `await handle.in_force()` (or `await handle`) returns, when it is, and its effect was seen.
    """

    def __init__(self, nemesis: Nemesis, fault: Fault, target: str, *, expect_unobserved: bool) -> None:
        self._nemesis = nemesis
        self._what = f"{fault.name} on {target}"
        self._expect_unobserved = expect_unobserved
        self._injecting: Future[None] | None = None
        self._probing: Future[None] | None = None
        self._exposures: list[Exposure] = []
        self._injection: Injection | None = None
        self.met = ""
        self.judged = False

    @property
    def injection(self) -> Injection:
        """The injection, once it is made; raises what made it impossible."""
        if self._injecting is not None:
            try:
                self._injecting.result()
            except BaseException:
                self.judged = True  # told now, and not again at the end
                raise
        if self._injection is None:
            raise HarnessError(f"{self._what} was not injected", remedy="see the first error of this test")
        return self._injection

    def rest(self) -> None:
        """Return once nothing of it is under way any more, whatever came of it."""
        if self._injecting is not None:
            wait([self._injecting])
        if self._probing is not None:
            wait([self._probing])

    def confirm(self) -> None:
        """Return once its effect was seen; raise `HarnessError` if it was not."""
        injection = self.injection
        if self._probing is not None:
            self._probing.result()
        if not injection.observed:
            raise HarnessError(
                f"{self._what} was injected, but no probe saw its effect",
                remedy="the servers' logs may say why; nothing was proven by this test",
            )

    async def in_force(self) -> Self:
        """The same in an event loop, which goes on meanwhile."""
        import asyncio

        await asyncio.to_thread(self.confirm)
        return self

    def __await__(self) -> Generator[object, None, Self]:
        return self.in_force().__await__()

    @property
    def evidence(self) -> str:
        """What an independent probe saw of it."""
        self.confirm()
        return self.injection.evidence.detail if self.injection.evidence is not None else ""

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes it is on."""
        return self.injection.nodes

    def heal(self) -> None:
        """Undo it now; again does nothing."""
        if not self.injection.healed:
            self.confirm()
            self.witness()
            self._nemesis.heal(self.injection)

    def witness(self) -> None:
        """Ask the witnesses whether the code under test has met it by now."""
        injection = self._injection
        if injection is not None and not self.met and (not injection.healed or injection.fault.nature.momentary):
            self.met = next(filter(None, (exposure.met() for exposure in self._exposures)), "")

    @property
    def complaint(self) -> str:
        """Why a test with this fault proves nothing, or nothing."""
        if self.met or self._expect_unobserved:
            return ""
        return (
            f"{self._what} was in force ({self.evidence}), but none of your "
            "operations met it: did your code connect elsewhere? (expect_unobserved=True if that is what you want)"
        )

    def inject(self, fault: Fault, target: str, exposures: list[Exposure], *, beside: bool) -> None:
        """Inject it. `beside`: its effect is looked for in a thread, unless that must come before anything else."""
        self._injection = injection = self._nemesis.begin(fault, target)
        self._exposures = exposures
        apart = beside and not fault.nature.at_once
        if not apart:
            self._nemesis.observe(injection)
        for exposure in exposures:
            exposure.arm()
        if apart:
            self._probing = _in_thread(self._nemesis.observe, injection)

    def __enter__(self) -> Self:
        self.injection  # noqa: B018 - in an event loop it may not be made yet
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.heal()

    async def __aenter__(self) -> Self:
        return await self.in_force()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import asyncio

        await asyncio.to_thread(self.heal)


class FaultBench(Verbs[FaultHandle]):
    """The fixture `faults`: every fault by name, on the deployment of this test."""

    def __init__(self, nemesis: Nemesis) -> None:
        self._nemesis = nemesis
        self._queue: ThreadPoolExecutor | None = None
        self.handles: list[FaultHandle] = []
        watch_dials()
        self._since = DIALS.copy()

    def _put(self, fault: Fault, target: str, *, expect_unobserved: bool) -> FaultHandle:
        check_target(target)
        expected = expect_unobserved or fault.nature.remedy
        handle = FaultHandle(self._nemesis, fault, target, expect_unobserved=expected)
        earlier = self.handles.copy()
        if not _in_event_loop():
            self._inject(handle, fault, target, earlier, beside=False)
            self.handles.append(handle)
            handle.confirm()
            return handle
        if self._queue is None:  # one after the other: a restart finds what a crash before it has ended
            self._queue = ThreadPoolExecutor(max_workers=1, thread_name_prefix="arbredis-faults")
        injecting = self._queue.submit(self._inject, handle, fault, target, earlier, beside=True)
        handle._injecting = injecting  # noqa: SLF001 - ours
        self.handles.append(handle)
        if not fault.nature.at_once:
            wait([injecting], timeout=HELD_UP_S)
        if injecting.done() and injecting.exception() is not None:
            self.handles.remove(handle)
            injecting.result()
        return handle

    def _inject(
        self, handle: FaultHandle, fault: Fault, target: str, earlier: list[FaultHandle], *, beside: bool
    ) -> None:
        for one in earlier:  # this one may end an earlier one, as a restart does
            one.witness()
        deployment = self._nemesis.deployment
        site = Site(deployment=deployment, nodes=deployment.resolve(fault.nature.met_at or target))
        nature = fault.nature
        exposures = [
            Exposure(site, cuts=nature.cuts, on_link=nature.on_link, only_new=nature.only_new, since=self._since)
        ]
        if is_aside(target):
            exposures.append(Exposure(Site(deployment=deployment, nodes=(deployment.primary(),)), since=self._since))
        handle.inject(fault, target, exposures, beside=beside)

    def rest(self) -> None:
        """Return once nothing is injected and no probe looks any more."""
        for handle in self.handles:
            handle.rest()
        if self._queue is not None:
            self._queue.shutdown()
            self._queue = None

    def complaints(self, since: int = 0) -> list[str]:
        """Of every fault that nothing of the test has met, from the one with that number on; each is judged once."""
        judged = [handle for handle in self.handles[since:] if not handle.judged]
        for handle in judged:
            handle.confirm()
            handle.witness()
            handle.judged = True
        return [handle.complaint for handle in judged if handle.complaint]


def _in_thread(work: object, injection: Injection) -> Future[None]:
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="arbredis-probe")
    probing: Future[None] = executor.submit(work, injection)  # type: ignore[arg-type]
    executor.shutdown(wait=False)
    return probing


def _in_event_loop() -> bool:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
