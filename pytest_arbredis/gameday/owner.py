"""The owner of a game day: holds the servers, acts in its main thread on what others ask, heals and reports at the end.

Requests come by the channel, each in a thread; what acts (inject, heal) waits for the main thread, where the nemesis
acts and Ctrl-C arrives. A status is answered at once, whatever the main thread does.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable  # noqa: TC003 - dataclass fields are resolved at run time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_arbredis._clock import CLOCK, NS_PER_S
from pytest_arbredis.errors import ArbredisError, UnhealedError, UsageError
from pytest_arbredis.faults.nemesis import Nemesis
from pytest_arbredis.gameday import picture
from pytest_arbredis.gameday.briefing import briefing_of
from pytest_arbredis.gameday.channel import Service
from pytest_arbredis.gameday.errands import Errands
from pytest_arbredis.gameday.grammar import parse
from pytest_arbredis.gameday.journal import Journal
from pytest_arbredis.gameday.record import NAME, program, result_of, save_logs, schedule_of
from pytest_arbredis.gameday.whereabouts import Claim, Whereabouts, claim
from pytest_arbredis.history.records import Header
from pytest_arbredis.report.folder import RunFolder
from pytest_arbredis.topology.deployment import SETTLES_WITHIN_S
from pytest_arbredis.topology.observer import Observer
from pytest_arbredis.topology.primary_link import PrimaryLink

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_arbredis.faults.nemesis import Injection
    from pytest_arbredis.gameday.briefing import Briefing
    from pytest_arbredis.history.history import History
    from pytest_arbredis.report.result import RunResult
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Address

Json = dict[str, Any]
SOCKET = "game-day.sock"
WAKE_S = 0.5
LONGEST_REQUEST_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who is told when all servers stand and others can find the game day, and when it is healed and recorded."""

    standing: Callable[[Briefing], None]
    ended: Callable[[RunResult], None]


def hold(deploying: Callable[[], Deployment], *, place: Path, runs_dir: Path, watch: Watch) -> None:
    """Own a game day in `place` until somebody asks for its end, or this is interrupted.

    Whatever ends it: faults are healed, the folder of its run is written, the servers end.
    """
    with claim(place) as claimed, deploying() as deployment:  # the claim goes last, when nothing is left
        folder = RunFolder.create(runs_dir, scenario=NAME, seed=0)
        try:
            game = GameDay(deployment, folder, place=place)
            try:
                game.play(claimed, watch)
            finally:
                watch.ended(game.report())
        finally:
            folder.close()


class GameDay:
    """One game day on a deployment that stands."""

    def __init__(self, deployment: Deployment, folder: RunFolder, *, place: Path) -> None:
        header = Header(
            run=folder.path.name,
            meta={"scenario": NAME, "timing": deployment.spec.timing, **deployment.described},
        )
        self.deployment = deployment
        self.folder = folder
        self.place = place
        self.journal = Journal(folder.history_path, header)
        self.nemesis = Nemesis(deployment, self.journal)
        self._errands = Errands()
        self._due: dict[int, int] = {}
        self._trouble: dict[int, str] = {}

    def play(self, claimed: Claim, watch: Watch) -> None:
        """Serve others until `down`, then heal what is left."""
        socket = self.deployment.root / SOCKET  # in a folder that the supervisor removes, whatever becomes of us
        self.journal.phase("load")
        with ExitStack() as undo:
            undo.enter_context(Observer(self.deployment, self.journal))
            link = self._link(undo)
            undo.enter_context(self.nemesis)
            undo.callback(self.journal.phase, "heal")
            undo.enter_context(Service(socket, self.answer))
            undo.callback(claimed.withdraw)
            undo.callback(self._errands.dismiss)
            claimed.announce(
                Whereabouts(
                    place=str(self.place),
                    pid=os.getpid(),
                    socket=str(socket),
                    run=str(self.folder.path),
                    began=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
                )
            )
            watch.standing(briefing_of(self.deployment, run=self.folder.path, link=link))
            self._work()

    def report(self) -> RunResult:
        """Everything on record, written to the run's folder."""
        duration_s = self.journal.since_s()
        history: History | None = None
        try:
            self.journal.phase("end")
            history = self.journal.close()
        finally:
            result = result_of(self.deployment, history, self.folder, duration_s=duration_s)
            self.folder.write(result, schedule=program(schedule_of(self.nemesis.injections, self.journal)))
            save_logs(self.deployment, self.folder)
        return result

    def answer(self, request: Json) -> Json:
        """What another terminal asked for: status, inject, heal or down. Called in a thread of its own."""
        what = request.get("do")
        if what == "status":
            return self._status()
        if what == "whole":
            return {"missing": picture.whole(self.deployment)}
        if what == "down":
            self._errands.close()
            return {"run": str(self.folder.path)}
        if what == "inject":
            return self._in_main(request, lambda: self._inject(str(request.get("what")), request.get("for_s")))
        if what == "heal":
            return self._in_main(request, lambda: self._heal(request.get("id")))
        raise UsageError.unknown("request", what, ("status", "whole", "inject", "heal", "down"))

    # In the main thread

    def _work(self) -> None:
        while self._errands.open:
            self._heal_what_is_due()
            self._errands.do_next(within_s=self._idle_s())

    def _idle_s(self) -> float:
        next_ns = min(self._due.values(), default=None)
        if next_ns is None:
            return WAKE_S
        return min(WAKE_S, max(0.001, (next_ns - CLOCK.now_ns()) / NS_PER_S))

    def _heal_what_is_due(self) -> None:
        now = CLOCK.now_ns()
        for number in [number for number, at_ns in self._due.items() if at_ns <= now]:
            del self._due[number]
            injection = self._injection(number)
            try:
                self.nemesis.heal(injection)
            except UnhealedError as error:  # it stays in force: people see it in the status, and may try again
                self._trouble[number] = error.cause
                self.journal.note("harness", {"kind": "not-healed", "why": error.cause})

    def _inject(self, what: str, for_s: object) -> Json:
        fault, target = parse(what)
        if for_s is not None and (not isinstance(for_s, (int, float)) or for_s <= 0):
            raise UsageError(f"for {for_s!r} seconds", remedy="use more than 0 s")
        if for_s is not None and fault.nature.momentary:
            raise UsageError(
                f"{fault.name} is over when it is seen: there is nothing to heal after {for_s:g} s",
                remedy="leave out --for",
            )
        injection = self.nemesis.begin(fault, target)
        if for_s is not None:
            self._due[injection.token.id] = CLOCK.now_ns() + int(for_s * NS_PER_S)
        self.nemesis.observe(injection)
        for earlier in self.nemesis.injections:  # a restart ends crashes
            if earlier.healed:
                self._due.pop(earlier.token.id, None)
        return {"fault": self._picture(injection), "looked_s": fault.nature.observed_within_s}

    def _heal(self, number: object) -> Json:
        wanted = self.nemesis.in_force if number is None else [self._injection(number)]
        first: ArbredisError | None = None
        healed = []
        for injection in reversed([injection for injection in wanted if not injection.healed]):
            self._due.pop(injection.token.id, None)
            try:
                self.nemesis.heal(injection)
            except UnhealedError as error:
                self._trouble[injection.token.id] = error.cause
                first = first or error
            else:
                self._trouble.pop(injection.token.id, None)
                healed.append(self._picture(injection))
        if first is not None:
            raise first
        settles_within_s = SETTLES_WITHIN_S[self.deployment.spec.timing]
        return {"healed": healed, "left": len(self.nemesis.in_force), "settles_within_s": settles_within_s}

    def _injection(self, number: object) -> Injection:
        for injection in self.nemesis.injections:
            if injection.token.id == number:
                return injection
        known = [injection.token.id for injection in self.nemesis.in_force]
        raise UsageError.unknown("fault in force", number, [*known, "all"])

    # In the threads of the service

    def _in_main(self, request: Json, work: Callable[[], Json]) -> Json:
        within_s = min(float(request.get("within_s") or LONGEST_REQUEST_S), LONGEST_REQUEST_S)
        return self._errands.ask(work, within_s=within_s)

    def _status(self) -> Json:
        return {
            "up_s": round(self.journal.since_s(), 3),
            "pid": os.getpid(),
            "run": str(self.folder.path),
            "on": self.deployment.described,
            "servers": picture.servers(self.deployment),
            "missing": picture.whole(self.deployment),
            "poisoned": self.deployment.poisoned,
            "faults": [self._picture(injection) for injection in self.nemesis.in_force],
            "injected": len(self.nemesis.injections),
            "events": picture.events(self.journal),
        }

    def _picture(self, injection: Injection) -> Json:
        due_ns = self._due.get(injection.token.id)
        left_s = None if due_ns is None else (due_ns - CLOCK.now_ns()) / NS_PER_S
        trouble = self._trouble.get(injection.token.id, "")
        return picture.fault(injection, self.journal, heals_in_s=left_s, trouble=trouble)

    def _link(self, undo: ExitStack) -> Address | None:
        """An address that follows the primary, where it may change and the proxies are ours."""
        if not self.deployment.spec.replicas or self.deployment.launcher.name == "external":
            return None
        note = functools.partial(self.journal.note, "primary-link")
        return undo.enter_context(PrimaryLink(self.deployment, note=note)).address
