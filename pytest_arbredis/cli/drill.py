"""`arbredis drill`: run scenarios, show what happens, print the verdicts."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_arbredis.errors import ArbredisError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from pytest_arbredis.cli.asked import Asked
    from pytest_arbredis.cli.playing import Playing
    from pytest_arbredis.cli.progress import Progress
    from pytest_arbredis.report.result import RunResult
    from pytest_arbredis.scenario import Scenario
    from pytest_arbredis.subjects.fitting import Fitting
    from pytest_arbredis.topology.means import Means
    from pytest_arbredis.topology.pool import DeploymentPool

EXIT_VIOLATED = 1
EXIT_INCONCLUSIVE = 3
EXIT_HARNESS = 4
NOISY_AGAIN = 2
"""How often a release drill measures again what the machine's noise left open: noise comes and goes."""

RELEASE_WORKERS = 2
"""Scenarios that a release drill plays at a time; those that measure time come last, and alone."""


def drill(  # noqa: PLR0917 - a command's options
    names: Annotated[list[str] | None, typer.Argument(help="Scenarios: NAME, file.py or pkg.mod:VALUE.")] = None,
    profile: Annotated[str | None, typer.Option(help="quick or release; without NAMEs.")] = None,
    subject: Annotated[
        str | None, typer.Option(metavar="PKG.MOD:FACTORY", help="Judge this subject by the scenarios that fit it.")
    ] = None,
    launcher: Annotated[
        str, typer.Option(envvar="ARBREDIS_LAUNCHER", help="auto, docker, process or external.")
    ] = "auto",
    proxy: Annotated[str, typer.Option(envvar="ARBREDIS_PROXY", help="auto or toxiproxy.")] = "auto",
    seed: Annotated[int | None, typer.Option(envvar="ARBREDIS_SEED", min=0, help="Seed of all chance.")] = None,
    redis_bin: Annotated[str | None, typer.Option(envvar="ARBREDIS_REDIS_BIN", help="redis-server to run.")] = None,
    redis_image: Annotated[str | None, typer.Option(envvar="ARBREDIS_REDIS_IMAGE", help="Image of Redis.")] = None,
    toxiproxy_image: Annotated[
        str | None, typer.Option(envvar="ARBREDIS_TOXIPROXY_IMAGE", help="Image of Toxiproxy.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(envvar="ARBREDIS_URL", help="Servers that stand: redis://…, redis+sentinel://…/name.")
    ] = None,
    control: Annotated[str | None, typer.Option(envvar="ARBREDIS_CONTROL", help="URL of their Toxiproxy.")] = None,
    allow_destructive: Annotated[  # noqa: FBT002 - a flag
        bool,
        typer.Option("--allow-destructive", envvar="ARBREDIS_ALLOW_DESTRUCTIVE", help="Their data may be lost."),
    ] = False,
    runs_dir: Annotated[
        Path | None, typer.Option(envvar="ARBREDIS_RUNS_DIR", help="Folder of the runs (.arbredis/runs).")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Scenarios at a time (1; a release drill: 2, if there are cores).")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="An inconclusive latency budget counts.")] = False,  # noqa: FBT002 - a flag
    list_only: Annotated[bool, typer.Option("--list", help="List all, or those of --profile.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Run scenarios on real servers and judge them."""
    import random

    from pytest_arbredis.cli.asked import Asked
    from pytest_arbredis.cli.catalogue import EVERYTHING, QUICK_PROFILE, check_profile
    from pytest_arbredis.cli.playing import Playing
    from pytest_arbredis.report.markdown import append_step_summary, verdicts_markdown
    from pytest_arbredis.report.terminal import console_for
    from pytest_arbredis.topology.means import Means

    wanted = check_profile(profile or QUICK_PROFILE)
    means = Means(
        launcher=launcher,  # type: ignore[arg-type]  # checked by Means, with the known names
        proxy=proxy,  # type: ignore[arg-type]
        redis_bin=redis_bin,
        redis_image=redis_image,
        toxiproxy_image=toxiproxy_image,
        url=url,
        control=control,
        allow_destructive=allow_destructive,
    )
    everything = list_only and not names and profile is None
    asked = Asked(names=tuple(names or ()), profile=EVERYTHING if everything else wanted, subject=subject)
    console = console_for()
    fitting = asked.fitting()
    scenarios = asked.all() if fitting is None else fitting.scenarios
    if fitting is not None:
        _show_fitting(console, fitting)
    if list_only:
        _list(console, scenarios)
        return
    chosen_seed = random.randrange(2**31) if seed is None else seed
    folder = runs_dir if runs_dir is not None else Path.cwd() / ".arbredis" / "runs"
    playing = Playing(
        means=means,
        seed=chosen_seed,
        runs_dir=folder,
        replay=_replay(names or [], subject, seed=chosen_seed),
        again=NOISY_AGAIN if wanted == "release" and not names else 0,
    )
    results, failures = _play_all(console, asked, scenarios, playing, workers=_workers(asked, means, workers))
    _show(console, results, failures, seed=chosen_seed, runs_dir=folder)
    append_step_summary(verdicts_markdown(results, {name: str(error) for name, error in failures}))
    if not scenarios:
        raise typer.Exit(EXIT_INCONCLUSIVE)
    lenient = wanted == QUICK_PROFILE and not strict
    raise typer.Exit(exit_status(results, failures, lenient=lenient, named=bool(names)))


def _replay(names: Sequence[str], subject: str | None, *, seed: int) -> str:
    """The command again, where a scenario's own name would not find it, or would find it with another subject."""
    of_user = subject is not None or any(name.endswith(".py") or ":" in name for name in names)
    beside = [] if subject is None else ["--subject", subject]
    return shlex.join(["arbredis", "drill", *names, *beside, "--seed", str(seed)]) if of_user else ""


def _show_fitting(console: Console, fitting: Fitting) -> None:
    """How many scenarios fit the subject; the rest is listed with the reasons."""
    from rich.text import Text

    fits, out = len(fitting.scenarios), len(fitting.left_out)
    console.print(Text(f"subject {fitting.subject}: {fits} of {fits + out} scenarios fit it"))
    for left_out, why in fitting.left_out:
        console.print(Text(f"  not run: {left_out}: {why}"), soft_wrap=True)


def _workers(asked: Asked, means: Means, wanted: int | None) -> int:
    """How many scenarios at a time.

    By itself only a whole release drill takes more than one, on servers that it starts, where there are cores for it.
    """
    stands = means.url is not None
    if wanted is None:
        alone = stands or asked.names or asked.subject is not None or asked.profile != "release"
        return 1 if alone else min(RELEASE_WORKERS, os.cpu_count() or 1)
    if stands and wanted > 1:
        raise UsageError(f"{wanted} workers on servers that stand", remedy="leave --workers out: they are one place")
    return wanted


def _list(console: Console, scenarios: Sequence[Scenario]) -> None:
    from rich.table import Table

    table = Table(box=None)
    table.add_column("scenario", no_wrap=True)
    for heading in ("kind", "profile", "promise"):
        table.add_column(heading)
    for scenario in scenarios:
        profiles = ", ".join(scenario.profiles) or "by name"
        table.add_row(scenario.name, scenario.kind, profiles, scenario.promise)
    console.print(table)


def _play_all(
    console: Console, asked: Asked, scenarios: Sequence[Scenario], playing: Playing, *, workers: int
) -> tuple[list[RunResult], list[tuple[str, ArbredisError]]]:
    """Play them, one after the other or several at a time; results in the order of the scenarios, and failures."""
    from pytest_arbredis.cli.progress import Progress
    from pytest_arbredis.cli.side_by_side import play_side_by_side
    from pytest_arbredis.topology.pool import DeploymentPool

    pool = DeploymentPool(playing.means)
    chosen = pool.chosen
    count = f"{len(scenarios)} scenario{'' if len(scenarios) == 1 else 's'}"
    beside = f", {workers} at a time" if workers > 1 else ""
    line = f"launcher {chosen.name} ({chosen.why}), seed {playing.seed}, {count}{beside}"
    console.print(line, markup=False, soft_wrap=True)
    with Progress(console, total=len(scenarios)) as progress:
        if workers > 1:
            outcomes = play_side_by_side(asked, scenarios, playing, workers=workers, progress=progress)
        else:
            outcomes = _one_by_one(scenarios, playing, pool, progress)
    results = [outcome for outcome in outcomes if not isinstance(outcome, ArbredisError)]
    failures = [
        (scenario.name, outcome)
        for scenario, outcome in zip(scenarios, outcomes, strict=True)
        if isinstance(outcome, ArbredisError)
    ]
    return results, failures


def _one_by_one(
    scenarios: Sequence[Scenario], playing: Playing, pool: DeploymentPool, progress: Progress
) -> list[RunResult | ArbredisError]:
    outcomes: list[RunResult | ArbredisError] = []
    with pool:
        for scenario in scenarios:
            with progress.scenario(scenario) as watch:
                outcome = playing.play(scenario, pool, watch=watch, done=watch.done)
                outcomes.append(outcome)
                if isinstance(outcome, ArbredisError):
                    watch.failed(outcome)
    return outcomes


def _show(
    console: Console,
    results: Sequence[RunResult],
    failures: Sequence[tuple[str, ArbredisError]],
    *,
    seed: int,
    runs_dir: Path,
) -> None:
    from rich.text import Text

    from pytest_arbredis.report.html import missing_extra
    from pytest_arbredis.report.terminal import print_verdicts

    print_verdicts(results, console)
    for name, error in failures:
        console.print(Text.assemble((f"{name}: the harness failed, no verdict", "red")), soft_wrap=True)
        console.print(Text(str(error)), soft_wrap=True)
    console.print(Text(f"seed {seed}; histories and reports: {runs_dir}"), soft_wrap=True)
    reports = [result.folder / "report.html" for result in results if result.folder is not None]
    if reports and reports[-1].exists():
        console.print(Text(f"latest report: {runs_dir / 'latest' / 'report.html'}"), soft_wrap=True)
    elif reports and (missing := missing_extra()):
        console.print(Text(f"latest report: {runs_dir / 'latest' / 'report.txt'} ({missing})"), soft_wrap=True)


def exit_status(
    results: Sequence[RunResult], failures: Sequence[tuple[str, ArbredisError]], *, lenient: bool, named: bool = True
) -> int:
    """1 before 4 before 3 before 0. `lenient`: a budget that only the machine's noise left open changes nothing.

    What could not be run here counts only where scenarios were asked for by name.
    """
    from pytest_arbredis.checkers.verdict import Verdict

    if any(result.verdict is Verdict.INVALID for result in results):
        return EXIT_VIOLATED
    if failures:
        return EXIT_HARNESS
    counted = [result for result in results if named or not result.not_run]
    if any(result.verdict is Verdict.UNKNOWN and not (lenient and result.only_noise) for result in counted):
        return EXIT_INCONCLUSIVE
    return 0
