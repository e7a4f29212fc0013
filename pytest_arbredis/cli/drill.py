"""`arbredis drill`: run scenarios, show what happens, print the verdicts."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_arbredis.errors import ArbredisError, HarnessError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from pytest_arbredis.report.result import RunResult
    from pytest_arbredis.scenario import Scenario

EXIT_VIOLATED = 1
EXIT_INCONCLUSIVE = 3
EXIT_HARNESS = 4
NOISY_AGAIN = 2
"""How often a release drill measures again what the machine's noise left open: noise comes and goes."""


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
    strict: Annotated[bool, typer.Option("--strict", help="An inconclusive latency budget counts.")] = False,  # noqa: FBT002 - a flag
    list_only: Annotated[bool, typer.Option("--list", help="List all, or those of --profile.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Run scenarios on real servers and judge them."""
    import random

    from pytest_arbredis.cli.catalogue import QUICK_PROFILE, check_profile, everything, find
    from pytest_arbredis.cli.catalogue import profile as of_profile
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
    scenarios: Sequence[Scenario] = find(names) if names else of_profile(wanted)
    if list_only and not names and profile is None:
        scenarios = everything()
    console = console_for()
    if subject is not None:
        scenarios = _fitting(console, scenarios, subject, named=bool(names))
    if list_only:
        _list(console, scenarios)
        return
    chosen_seed = random.randrange(2**31) if seed is None else seed
    folder = runs_dir if runs_dir is not None else Path.cwd() / ".arbredis" / "runs"
    replay = _replay(names or [], subject, seed=chosen_seed)
    again = NOISY_AGAIN if wanted == "release" and not names else 0
    results, failures = _run_all(
        console, scenarios, means=means, seed=chosen_seed, runs_dir=folder, replay=replay, again=again
    )
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


def _fitting(console: Console, scenarios: Sequence[Scenario], name: str, *, named: bool) -> Sequence[Scenario]:
    """The scenarios that fit the subject of this name, for it; the rest is listed with the reasons."""
    from rich.text import Text

    from pytest_arbredis.subjects.by_name import subject_named
    from pytest_arbredis.subjects.fitting import fit

    subject = subject_named(name)
    fitting = fit(scenarios, subject, named=named)
    console.print(Text(f"subject {subject.name}: {len(fitting.scenarios)} of {len(scenarios)} scenarios fit it"))
    for left_out, why in fitting.left_out:
        console.print(Text(f"  not run: {left_out}: {why}"), soft_wrap=True)
    return fitting.scenarios


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


def _run_all(
    console: Console,
    scenarios: Sequence[Scenario],
    *,
    means: object,
    seed: int,
    runs_dir: Path,
    replay: str = "",
    again: int = 0,
) -> tuple[list[RunResult], list[tuple[str, ArbredisError]]]:
    """Run them one after the other; a failure of the harness ends its scenario, not the drill.

    A measurement of time that only the machine's noise left open is made `again`, at most so often: the first that
    decides counts.
    """
    from pytest_arbredis.cli.progress import Progress
    from pytest_arbredis.run import run
    from pytest_arbredis.topology.means import Means
    from pytest_arbredis.topology.pool import DeploymentPool

    if not isinstance(means, Means):
        raise UsageError(f"{means!r} are no means")
    results: list[RunResult] = []
    failures: list[tuple[str, ArbredisError]] = []
    with DeploymentPool(means) as pool:
        chosen = pool.chosen
        count = f"{len(scenarios)} scenario{'' if len(scenarios) == 1 else 's'}"
        console.print(f"launcher {chosen.name} ({chosen.why}), seed {seed}, {count}", markup=False, soft_wrap=True)
        with Progress(console, total=len(scenarios)) as progress:
            for scenario in scenarios:
                with progress.scenario(scenario) as watch:
                    try:
                        result = run(scenario, pool, seed=seed, runs_dir=runs_dir, watch=watch, replay=replay)
                        for _ in range(again if scenario.workload.floor else 0):
                            if not result.only_noise:
                                break
                            watch.done(result)
                            result = run(scenario, pool, seed=seed, runs_dir=runs_dir, watch=watch, replay=replay)
                    except UsageError:
                        raise
                    except ArbredisError as error:
                        failures.append((scenario.name, error))
                        watch.failed(error)
                        continue
                    except Exception as error:  # noqa: BLE001 - what the other scenarios showed must not be lost
                        failures.append((scenario.name, _uncaught(error)))
                        watch.failed(failures[-1][1])
                        continue
                    results.append(result)
                    watch.done(result)
    return results, failures


def _uncaught(error: Exception) -> ArbredisError:
    """A failure of ours that nobody foresaw, with its traceback."""
    import traceback

    trace = "".join(traceback.format_exception(error)).rstrip()
    return HarnessError(f"{type(error).__name__}: {error}\n{trace}", remedy="report this, with the run's folder")


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
