"""Runs on real servers: which there are, and what came of one. `make quality` plays them all, a few are tests."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planted import correct
from planted.registry import PLANTED
from planted.touched import touched
from pytest_arbredis.run import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from planted.case import Planted
    from pytest_arbredis import Scenario
    from pytest_arbredis.topology.pool import DeploymentPool

SEEDS_OF_BUGS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run to come: of a planted bug, or of a subject without."""

    part: str
    name: str
    seed: int
    scenario: Callable[[], Scenario]
    topology: str
    bug: Planted | None = None


def jobs(part: str) -> Iterator[Job]:
    """All runs of a part, `planted` or `correct`, those of one topology beside one another: a pool reuses it."""
    bugs = {one.name: one for one in PLANTED} if part == "planted" else {}
    if part == "planted":
        named = [(one.name, lambda one=one: one.scenario(one.bot(buggy=True))) for one in PLANTED]
        seeds = SEEDS_OF_BUGS
    else:
        made = dict(correct.scenarios())
        named = [(name, lambda name=name: dict(correct.scenarios())[name]) for name in made]
        seeds = correct.SEEDS
    for name, scenario in sorted(named, key=lambda pair: str(pair[1]().topology)):
        for seed in range(1, seeds + 1):
            topology = str(scenario().topology)
            yield Job(part=part, name=name, seed=seed, scenario=scenario, topology=topology, bug=bugs.get(name))


def played(job: Job, pool: DeploymentPool, folder: Path) -> dict[str, object]:
    """What came of one run. `word` is the claim's verdict for a planted bug, that of the whole run for the others;
    `error` if the harness failed; for a planted bug also how many operations it touched, `of` how many."""
    began = time.monotonic()
    told: dict[str, object] = {"part": job.part, "name": job.name, "seed": job.seed}
    try:
        scenario = job.scenario()
        result = run(scenario, pool, seed=job.seed, runs_dir=folder, keep="none")
    except Exception as error:  # noqa: BLE001 - one line of many: it is counted, and never as found or valid
        why = f"{type(error).__name__}: {error}"
        return {**told, "word": "error", "why": why[:300], "took_s": round(time.monotonic() - began, 1)}
    judged = result.findings[:1] if job.part == "planted" else result.findings
    worst = max(judged, key=lambda finding: finding.verdict, default=None)
    word, why = ("unknown", result.not_run) if worst is None else (worst.verdict.word, worst.summary)
    if job.bug is not None and result.history is not None:
        met = touched(job.bug, scenario.subject, result.history)
        told |= {"touched": met.count, "of": met.of}
    return {**told, "word": word, "why": why[:300], "took_s": round(time.monotonic() - began, 1)}
