"""Running a scenario: deploy → load and faults → heal → settle → read back → judge."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.by_name import spelled
from pytest_arbredis.checkers.judging import witnesses
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import ArbredisError, WaitTimeoutError
from pytest_arbredis.faults.nemesis import Nemesis
from pytest_arbredis.history.jsonl import load as load_history
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header
from pytest_arbredis.load.background import Load
from pytest_arbredis.load.protocol import Endpoints
from pytest_arbredis.report.folder import RunFolder
from pytest_arbredis.report.result import RunResult
from pytest_arbredis.scenario import judge, verdict_of
from pytest_arbredis.subjects.offers import absent, follows_primary, own_names
from pytest_arbredis.topology import kept, readback
from pytest_arbredis.topology.capabilities import lacking
from pytest_arbredis.topology.commandstats import CommandCounts
from pytest_arbredis.topology.contents import read_everything
from pytest_arbredis.topology.monitor import CommandMonitor
from pytest_arbredis.topology.observer import Observer
from pytest_arbredis.topology.primary_link import PrimaryLink

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_arbredis.faults.nemesis import Injection
    from pytest_arbredis.history.history import History
    from pytest_arbredis.scenario import Route, Scenario
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.pool import DeploymentPool


class Watch:
    """What a run tells while it runs; the command's live progress overrides it."""

    def phase(self, name: str) -> None:
        """A phase began: deploy, load, heal, settled, final, check."""

    def injected(self, injection: Injection) -> None:
        """A fault was injected."""

    def load(self, load: Load) -> None:
        """The load began; its counters may be read while it runs."""


def run(
    scenario: Scenario,
    pool: DeploymentPool,
    *,
    seed: int,
    runs_dir: Path,
    worker: str = "main",
    watch: Watch | None = None,
    keep: str = "failed",
    replay: str = "",
) -> RunResult:
    """Run and judge. Raises `ArbredisError` for failures of the harness; the folder is written in any case.

    `replay` is the command that runs the scenario again; without it, that of a shipped one. `keep` says what becomes
    of the folder and its elders: `failed` and the last ten stay, `all`, or `none` once it has ended.
    """
    watch = watch or Watch()
    began = time.monotonic()
    watch.phase("deploy")
    deployment = pool.take(scenario.topology, alone=scenario.workload.floor)
    if why := _impossible(scenario, deployment):
        return _undecided(scenario, deployment, None, seed=seed, replay=replay, not_run=why)
    folder = RunFolder.create(runs_dir, scenario=scenario.name, seed=seed, worker=worker)
    try:
        history = _Run(scenario, deployment, folder, seed=seed, watch=watch).history()
        watch.phase("check")
        findings = judge(scenario, history)
        result = replace(
            _undecided(scenario, deployment, folder, seed=seed, replay=replay),
            verdict=verdict_of(scenario, findings),
            findings=findings,
            history=history,
            duration_s=time.monotonic() - began,
            not_run="",
        )
        folder.write(result, schedule=schedule_program(scenario, seed, replay))
    except BaseException as error:
        result = _undecided(scenario, deployment, folder, seed=seed, replay=replay)
        result = replace(result, not_run=f"ended by {type(error).__name__} {error}".strip())
        folder.write(result, schedule=schedule_program(scenario, seed, replay))
        raise
    else:
        return result if keep != "none" else replace(result, folder=None)
    finally:
        _save_logs(deployment, folder)
        folder.close(keep=keep)


def _impossible(scenario: Scenario, deployment: Deployment) -> str:
    """Why this deployment cannot play the scenario's schedule; empty if it can."""
    if deployment.unsuited:
        return deployment.unsuited
    if why := absent(scenario.subject):
        return why
    if own_names(scenario.subject) and (why := deployment.refuses_names()):
        return why
    for step in scenario.faults.steps:
        if why := lacking(deployment, step.fault.nature.needs):
            return f"{step.fault.name} is not possible here: {why}"
    return ""


def not_run(scenario: Scenario, why: str, *, seed: int) -> RunResult:
    """What there is of a scenario that is not run at all."""
    return _undecided(scenario, None, None, seed=seed, not_run=why)


def _undecided(
    scenario: Scenario,
    deployment: Deployment | None,
    folder: RunFolder | None,
    *,
    seed: int,
    replay: str = "",
    not_run: str = "not judged yet",
) -> RunResult:
    """A run that has not been judged (yet)."""
    return RunResult(
        scenario=scenario.name,
        kind=scenario.kind,
        promise=scenario.promise,
        verdict=Verdict.UNKNOWN,
        seed=seed,
        folder=None if folder is None else folder.path,
        deployment={} if deployment is None else deployment.described,
        replay=replay or shipped_replay(scenario, seed),
        not_run=not_run,
    )


class _Run:
    """One run on one deployment: what its phases share."""

    def __init__(
        self, scenario: Scenario, deployment: Deployment, folder: RunFolder, *, seed: int, watch: Watch
    ) -> None:
        self.scenario = scenario
        self.deployment = deployment
        self.folder = folder
        self.seed = seed
        self.watch = watch
        self.kept: list[kept.Kept] = []

    @property
    def prefix(self) -> str:
        """How the keys of this run begin."""
        return f"arbredis:{self.folder.path.name}:"

    def history(self) -> History:
        """Everything that happened, complete and read back."""
        header = Header(
            run=self.folder.path.name,
            seed=self.seed,
            subject=self.scenario.subject.name,
            meta={
                "scenario": self.scenario.name,
                "kind": self.scenario.kind,
                "checks": [*filter(None, map(spelled, (*self.scenario.checks, self.scenario.guard)))],
                **({} if self.scenario.is_black_box else {"rate_hz": float(self.scenario.workload.rate_hz)}),
                "timing": self.deployment.spec.timing,
                **self.deployment.described,
            },
        )
        recorder = Recorder(self.folder.history_path, header)
        with recorder:
            self._load_and_faults(recorder)
            self._final(recorder)
            self.deployment.remove(self.prefix)
            if own_names(self.scenario.subject):
                self.deployment.empty()
        return recorder.close()

    def _load_and_faults(self, recorder: Recorder) -> None:
        scenario = self.scenario
        with ExitStack() as undo:
            undo.enter_context(self.deployment.writing_under(self.prefix))
            if scenario.faults.steps:  # without faults there is nothing to observe, and budgets want silence
                undo.enter_context(Observer(self.deployment, recorder))
            needed = witnesses(scenario.checks)
            if needed & {"commands", "connections"} or scenario.is_black_box:
                commands = "commands" in needed or scenario.is_black_box
                undo.enter_context(CommandMonitor(self.deployment, recorder, commands=commands))
            if "commandstats" in needed:
                undo.enter_context(CommandCounts(self.deployment, recorder))
            endpoints = endpoints_of(self.deployment, path=scenario.path)
            if follows_primary(scenario.subject):
                link = PrimaryLink(self.deployment, note=lambda data: recorder.note("primary-link", data))
                endpoints = replace(endpoints, primary=undo.enter_context(link).address)
            load = Load(
                workload=scenario.workload,
                subject=scenario.subject,
                endpoints=endpoints,
                recorder=recorder,
                seed=self.seed,
                seconds=scenario.length_s,
                run=self.folder.path.name,
            )
            undo.enter_context(load)
            nemesis = undo.enter_context(Nemesis(self.deployment, recorder, on_injected=self._injected))
            undo.callback(load.stop.set)  # first on every way out: stop, then heal, then wait for the clients
            self.watch.load(load)
            self.watch.phase("load")
            origin_ns = load.start()
            recorder.event("phase", "harness", {"phase": "load"}, at_ns=origin_ns)
            nemesis.play(scenario.faults, origin_ns=origin_ns, stop=load.stop)
            report = load.join()
            recorder.update_header({"load_from_ns": report.began_ns, "load_until_ns": report.ended_ns})
            recorder.phase("heal")
            self.watch.phase("heal")
            nemesis.heal_all()
            self._settle(recorder)

    def _injected(self, injection: Injection) -> None:
        """Keep what a failed node had written, before anybody overwrites it."""
        if injection.fault.nature.keeps_data and injection.observed:
            for node in injection.site.nodes:
                found = kept.keep(self.deployment, node)
                if found is not None:
                    self.kept.append(found)
        self.watch.injected(injection)

    def _settle(self, recorder: Recorder) -> None:
        """Wait until whole. Where that fails the run goes on, and the guard calls its verdict unknown."""
        try:
            self.deployment.settled()
        except WaitTimeoutError as error:
            recorder.note(source="harness", data={"kind": "not-settled", "why": str(error)})
            return
        recorder.phase("settled")
        self.watch.phase("settled")

    def _final(self, recorder: Recorder) -> None:
        """Read everything back, from every node, and from what the failed nodes had."""
        if self.scenario.read_back:
            recorder.phase("final")
            self.watch.phase("final")
            so_far = load_history(self.folder.history_path)
            if self.scenario.is_black_box:
                self._everything(recorder)
            keys = sorted({op.key for op in so_far.ops if op.key is not None and op.sent and op.name != "read"})
            prefix = "" if self.scenario.is_black_box else self.prefix
            try:
                readback.final_reads(self.deployment, recorder, keys)
                readback.snapshots(self.deployment, recorder, prefix=prefix)
                readback.kept_data(self.deployment, recorder, self.kept, keys)
            except ArbredisError as error:
                recorder.note(source="harness", data={"kind": "not-read-back", "why": str(error)})
        recorder.phase("end")

    def _everything(self, recorder: Recorder) -> None:
        """What a black box keeps, whatever its keys are."""
        import redis

        try:
            read_everything(self.deployment, recorder)
        except (ArbredisError, redis.RedisError) as error:
            recorder.note(source="harness", data={"kind": "not-read-back", "why": str(error)})


def endpoints_of(deployment: Deployment, *, path: Route = "proxied") -> Endpoints:
    """Where a subject finds this deployment."""
    primary, second = deployment.primary(), deployment.second
    return Endpoints(
        primary=primary.proxied if path == "proxied" else primary.direct,
        second=None if second is None else second.proxied if path == "proxied" else second.direct,
        sentinels=tuple(node.proxied if path == "proxied" else node.direct for node in deployment.sentinels),
        master_name=deployment.master_name,
        nodes=deployment.addresses,
        login=deployment.login if path == "proxied" else deployment.login.plain(),
    )


def shipped_replay(scenario: Scenario, seed: int) -> str:
    """The command that runs a shipped scenario again."""
    return f"arbredis drill {scenario.name} --seed {seed}"


def schedule_program(scenario: Scenario, seed: int, replay: str = "") -> str:
    """The run's schedule as a program that replays it, from the folder in which it was run."""
    return f'''"""Replays {scenario.name} with its seed and schedule: python schedule.py"""

import shlex
import subprocess
import sys

from pytest_arbredis import schedule

SEED = {seed}
SCHEDULE = {scenario.faults!r}

if __name__ == "__main__":
    print(SCHEDULE)
    program, *arguments = shlex.split({replay or shipped_replay(scenario, seed)!r})
    module = {{"arbredis": "pytest_arbredis.cli"}}.get(program, program)
    sys.exit(subprocess.call([sys.executable, "-m", module, *arguments]))
'''


def _save_logs(deployment: Deployment, folder: RunFolder) -> None:
    """The servers' logs, beside the history."""
    for node in deployment.servers:
        text = node.server.log_tail(2000)
        (folder.logs / f"{node.name}.log").write_text(text)
