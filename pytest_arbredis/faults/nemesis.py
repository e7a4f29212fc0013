"""The nemesis: injects faults, has them observed, records both, and heals everything on every way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import CLOCK, NS_PER_S, Clock, wait_until
from pytest_arbredis.errors import ArbredisError, HarnessError, UnhealedError, UsageError, WaitTimeoutError
from pytest_arbredis.faults.exposure import connections
from pytest_arbredis.faults.fault import Site, params_of
from pytest_arbredis.history.records import Evidence
from pytest_arbredis.servers.power_cut import bytes_written
from pytest_arbredis.topology.capabilities import lacking

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from pytest_arbredis.faults.fault import Fault, Undo
    from pytest_arbredis.faults.schedule import Schedule, Step
    from pytest_arbredis.history.recorder import Recorder
    from pytest_arbredis.history.tokens import FaultToken
    from pytest_arbredis.topology.deployment import Deployment


@dataclass(eq=False)
class Injection:
    """A fault in force: what it is, where, how to heal it, and whether it was seen."""

    fault: Fault
    target: str
    site: Site
    token: FaultToken
    undo: Undo
    evidence: Evidence | None = None
    healed: bool = False

    @property
    def observed(self) -> bool:
        """An independent probe saw its effect."""
        return self.evidence is not None

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes it is on."""
        return tuple(node.name for node in self.site.nodes)


def _require_undo(name: str, undo: object) -> None:
    """A fault of another package may have forgotten it."""
    if not callable(undo):
        raise HarnessError(
            f"{name} was injected and gave {undo!r} instead of what heals it", remedy="let its inject return a function"
        )


class Nemesis:
    """Plays a schedule, or injects when called; whatever is left is healed in reverse when it is left."""

    def __init__(
        self,
        deployment: Deployment,
        recorder: Recorder,
        *,
        clock: Clock = CLOCK,
        on_injected: Callable[[Injection], None] = lambda _: None,
    ) -> None:
        self.deployment = deployment
        self.recorder = recorder
        self.clock = clock
        self.on_injected = on_injected
        self.injections: list[Injection] = []

    @property
    def in_force(self) -> list[Injection]:
        """Injections that are not healed yet."""
        return [injection for injection in self.injections if not injection.healed]

    def inject(self, fault: Fault, target: str) -> Injection:
        """Inject now; returns when it is in force, or was not seen to be in time (then it has no evidence)."""
        injection = self.begin(fault, target)
        self.observe(injection)
        return injection

    def begin(self, fault: Fault, target: str) -> Injection:
        """Inject now, unobserved: `observe` must follow, from any thread."""
        if why := lacking(self.deployment, fault.nature.needs):
            raise UsageError(
                f"{fault.name} on {target} is not possible here: {why}", remedy="choose another fault, or other servers"
            )
        nodes = self.deployment.resolve(target)
        try:
            primary = self.deployment.primary().name
        except ArbredisError:
            primary = ""
        ended = frozenset(node.name for node in nodes if not node.is_running)
        pids = tuple(node.server.pid for node in nodes)
        clients = frozenset(
            (node.name, int(client["id"]))
            for node in (nodes if fault.nature.notes_clients else ())
            for client in connections(node)
        )
        written = {node.name: bytes_written(node.server.spec) for node in nodes if fault.nature.notes_files}
        site = Site(
            deployment=self.deployment,
            nodes=nodes,
            primary=primary,
            ended=ended,
            pids=pids,
            clients=clients,
            written=written,
        )
        token = self.recorder.fault_began(
            name=fault.name,
            target=target,
            nodes=tuple(node.name for node in nodes),
            params=params_of(fault),
        )
        try:
            undo = fault.inject(site)
            _require_undo(fault.name, undo)
            injection = Injection(fault=fault, target=target, site=site, token=token, undo=undo)
            self.injections.append(injection)
        except UsageError:  # refused, before anything was done
            self.recorder.fault_ended(token)
            raise
        except BaseException as error:
            # It may be in force on some of its nodes, and nobody can undo that.
            self.deployment.poisoned = f"{fault.name} on {target} was injected in part: {error!r}"
            raise
        return injection

    def observe(self, injection: Injection) -> None:
        """Have a probe see what was begun, and record what it saw."""
        fault = injection.fault
        injection.evidence = self._observe(fault, injection.site)
        if injection.evidence is not None:
            self.recorder.fault_observed(injection.token, injection.evidence)
        if fault.nature.ends:
            self._supersede(fault.nature.ends, injection)
        if fault.nature.momentary and injection.observed:
            self.heal(injection)
        self.on_injected(injection)

    def _observe(self, fault: Fault, site: Site) -> Evidence | None:
        within_s = fault.nature.observed_within_s
        try:
            detail = wait_until(
                lambda: fault.observe(site), within_s=within_s, what=f"an effect of {fault.name}", clock=self.clock
            )
        except WaitTimeoutError:
            return None
        return Evidence(source="probe", at_ns=self.clock.now_ns(), detail=detail)

    def _supersede(self, names: tuple[str, ...], by: Injection) -> None:
        """A restart ends the crash of the same nodes."""
        for injection in self.in_force:
            if injection.fault.name in names and by.observed and set(injection.nodes) <= set(by.nodes):
                self.heal(injection)

    def heal(self, injection: Injection) -> None:
        """Undo one injection; again does nothing."""
        if injection.healed:
            return
        try:
            injection.undo()
        except ArbredisError as error:
            raise self._unhealed(injection, error) from error
        except Exception as error:  # an undo talks to servers that a fault may have left in any state
            raise self._unhealed(injection, error) from error
        injection.healed = True
        self.recorder.fault_ended(injection.token)

    def _unhealed(self, injection: Injection, error: Exception) -> UnhealedError:
        self.deployment.poisoned = f"{injection.fault.name} on {injection.target} could not be healed: {error}"
        return UnhealedError(self.deployment.poisoned, remedy="the deployment is rebuilt before it is used again")

    def heal_all(self) -> None:
        """Undo everything in reverse. Every undo is tried, Ctrl-C or not; the first failure is raised at the end."""
        first: BaseException | None = None
        for injection in reversed(self.in_force):
            try:
                self.heal(injection)
            except BaseException as error:  # noqa: BLE001 - raised again below
                first = first or error
        if first is not None:
            raise first

    def play(self, schedule: Schedule, *, origin_ns: int, stop: threading.Event) -> None:
        """Inject and heal at the times of a schedule, counted from `origin_ns`; ends early when `stop` is set.

        A fault that is not observed ends the play: the run cannot become valid any more.
        """
        due: list[tuple[float, int, Step | Injection]] = [
            (step.at_s, order, step) for order, step in enumerate(schedule.steps)
        ]
        while due and not stop.is_set():
            due.sort(key=lambda entry: entry[:2])
            at_s, order, what = due.pop(0)
            if not self._pass_time_until(origin_ns + int(at_s * NS_PER_S), stop):
                return
            if isinstance(what, Injection):
                self.heal(what)
                continue
            injection = self.inject(what.fault, what.target)
            if not injection.observed:
                stop.set()
                return
            if what.for_s is not None:
                due.append((at_s + what.for_s, order, injection))

    def _pass_time_until(self, at_ns: int, stop: threading.Event) -> bool:
        """Wait for a moment of the schedule; False if the play was stopped before it came."""
        while not stop.is_set():
            left_s = (at_ns - self.clock.now_ns()) / NS_PER_S
            if left_s <= 0:
                return True
            self.clock.sleep(min(left_s, 0.05))
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.heal_all()
        except ArbredisError as unhealed:
            if error is None or isinstance(error, Exception):
                raise
            error.add_note(str(unhealed))  # Ctrl-C stays Ctrl-C; the deployment is poisoned
