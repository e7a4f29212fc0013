"""Faults for a test: injected when called, in force when the call returns, healed early or at teardown."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from pytest_arbredis._dials import DIALS, watch_dials
from pytest_arbredis.errors import HarnessError
from pytest_arbredis.faults.exposure import Exposure
from pytest_arbredis.faults.fault import Site
from pytest_arbredis.faults.verbs import Verbs
from pytest_arbredis.topology.spec import ASIDE

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import TracebackType
    from typing import Self

    from pytest_arbredis.faults.fault import Fault
    from pytest_arbredis.faults.nemesis import Injection, Nemesis


class FaultHandle:
    """A fault in force. As a context manager, sync or async, it heals at the end of its block."""

    def __init__(
        self, nemesis: Nemesis, injection: Injection, exposures: list[Exposure], *, expect_unobserved: bool
    ) -> None:
        self._nemesis = nemesis
        self._exposures = exposures
        self._expect_unobserved = expect_unobserved
        self._probing: Future[None] | None = None
        self.injection = injection
        self.met = ""

    def probe(self) -> None:
        """Begin to look for its effect in a thread, so that an event loop is not held up by the probe."""
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="arbredis-probe")
        self._probing = executor.submit(self._nemesis.observe, self.injection)
        executor.shutdown(wait=False)

    def rest(self) -> None:
        """Return once its probe has ended, whatever it saw."""
        if self._probing is not None:
            wait([self._probing])

    def confirm(self) -> None:
        """Return once its effect was seen; raise `HarnessError` if it was not."""
        if self._probing is not None:
            self._probing.result()
        if not self.injection.observed:
            raise HarnessError(
                f"{self.injection.fault.name} on {self.injection.target} was injected, but no probe saw its effect",
                remedy="the servers' logs may say why; nothing was proven by this test",
            )

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
        if not self.met and (not self.injection.healed or self.injection.fault.nature.momentary):
            self.met = next(filter(None, (exposure.met() for exposure in self._exposures)), "")

    @property
    def complaint(self) -> str:
        """Why a test with this fault proves nothing, or nothing."""
        if self.met or self._expect_unobserved:
            return ""
        return (
            f"{self.injection.fault.name} on {self.injection.target} was in force ({self.evidence}), but none of your "
            "operations met it: did your code connect elsewhere? (expect_unobserved=True if that is what you want)"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.heal()

    async def __aenter__(self) -> Self:
        import asyncio

        await asyncio.to_thread(self.confirm)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import asyncio

        await asyncio.to_thread(self.heal)


class FaultBench(Verbs[FaultHandle]):
    """The fixture `faults`: every fault by name, on the deployment of this test."""

    def __init__(self, nemesis: Nemesis) -> None:
        self._nemesis = nemesis
        self.handles: list[FaultHandle] = []
        watch_dials()
        self._since = DIALS.copy()

    def _put(self, fault: Fault, target: str, *, expect_unobserved: bool) -> FaultHandle:
        for earlier in self.handles:  # this one may end an earlier one, as a restart does
            earlier.witness()
        deployment = self._nemesis.deployment
        site = Site(deployment=deployment, nodes=deployment.resolve(fault.nature.met_at or target))
        exposures = [Exposure(site, cuts=fault.nature.cuts, on_link=fault.nature.on_link, since=self._since)]
        if target in ASIDE:
            exposures.append(Exposure(Site(deployment=deployment, nodes=(deployment.primary(),)), since=self._since))
        beside = not fault.nature.at_once and _in_event_loop()
        injection = self._nemesis.begin(fault, target)
        expected = expect_unobserved or fault.nature.remedy
        handle = FaultHandle(self._nemesis, injection, exposures, expect_unobserved=expected)
        self.handles.append(handle)
        if not beside:
            self._nemesis.observe(injection)
        for exposure in exposures:
            exposure.arm()
        if beside:
            handle.probe()
        else:
            handle.confirm()
        return handle

    def rest(self) -> None:
        """Return once no probe looks any more."""
        for handle in self.handles:
            handle.rest()

    def complaints(self) -> list[str]:
        """Of every fault that nothing of the test has met."""
        for handle in self.handles:
            handle.confirm()
            handle.witness()
        return [handle.complaint for handle in self.handles if handle.complaint]


def _in_event_loop() -> bool:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
