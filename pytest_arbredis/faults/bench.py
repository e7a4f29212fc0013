"""Faults for a test: injected when called, in force when the call returns, healed early or at teardown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.errors import HarnessError
from pytest_arbredis.faults.exposure import CUTS, Exposure, watch_dials
from pytest_arbredis.faults.fault import Site
from pytest_arbredis.faults.verbs import Verbs

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from pytest_arbredis.faults.fault import Fault
    from pytest_arbredis.faults.nemesis import Injection, Nemesis


class FaultHandle:
    """A fault in force. As a context manager, sync or async, it heals at the end of its block."""

    def __init__(self, nemesis: Nemesis, injection: Injection, exposure: Exposure, *, expect_unobserved: bool) -> None:
        self._nemesis = nemesis
        self._exposure = exposure
        self._expect_unobserved = expect_unobserved
        self.injection = injection
        self.met = ""

    @property
    def evidence(self) -> str:
        """What an independent probe saw of it."""
        return self.injection.evidence.detail if self.injection.evidence is not None else ""

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes it is on."""
        return self.injection.nodes

    def heal(self) -> None:
        """Undo it now; again does nothing."""
        if not self.injection.healed:
            self.witness()
            self._nemesis.heal(self.injection)

    def witness(self) -> None:
        """Ask the witnesses whether the code under test has met it by now."""
        self.met = self.met or self._exposure.met()

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

    def _put(self, fault: Fault, target: str, *, expect_unobserved: bool) -> FaultHandle:
        deployment = self._nemesis.deployment
        # What is written while replicas follow nobody is written to the primary: there the fault is met.
        met_at = "primary" if fault.name == "replication_cut" else target
        site = Site(deployment=deployment, nodes=deployment.resolve(met_at))
        exposure = Exposure(site, cuts=fault.name in CUTS)
        injection = self._nemesis.inject(fault, target)
        exposure.arm()
        # A restart is a remedy: nothing has to meet it.
        expected = expect_unobserved or fault.name == "restart"
        handle = FaultHandle(self._nemesis, injection, exposure, expect_unobserved=expected)
        self.handles.append(handle)
        if not injection.observed:
            raise HarnessError(
                f"{fault.name} on {target} was injected, but no probe saw its effect",
                remedy="the servers' logs may say why; nothing was proven by this test",
            )
        return handle

    def complaints(self) -> list[str]:
        """Of every fault that nothing of the test has met."""
        for handle in self.handles:
            if not handle.injection.healed:
                handle.witness()
        return [handle.complaint for handle in self.handles if handle.complaint]
