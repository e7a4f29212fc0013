"""Every promise of the state layer over many seeds, its naive twin in the same scenarios, and each hardening left out.

`make promises`, two hours or more on one worker; several may run side by side, each with an `--only` or `--scenario`
of its own. What is finished is kept by commit in `.arbredis/promises/`: a second call goes on where the first was
ended, and `--earlier COMMIT` takes over what was played whole at an earlier commit and not at this one. When all is
there it goes to `benchmarks/results/promises.json`, from which `docs/build_promises.py` writes `docs/promises.md`. Exit
status 1 if anything was not as promised, 3 if runs are missing.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bounds import CONFIDENCE, at_least
from kept import Kept, name_of
from machine import ROOT, commit, described, today

from pytest_arbredis.checkers.by_name import spelled
from pytest_arbredis.run import run
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.topology.means import Means
from pytest_arbredis.topology.pool import DeploymentPool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_arbredis import Scenario

    Line = dict[str, object]

RESULTS = Path(__file__).parent / "results" / "promises.json"
STATE = ROOT / ".arbredis" / "promises"
SEEDS = 20
SEEDS_OF_BUDGETS = 3
"""Of latency budgets, which take long and say with each run how sure they are."""

SEEDS_OF_ABLATIONS = 3
"""Of each hardening left out of each scenario: most of these runs say that it has no part there."""

PARTS = ("hardened", "naive", "ablation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run to come. `without` is the hardening that is left out; `due` the word that it must come to."""

    part: str
    scenario: Scenario
    seed: int
    without: str = ""
    due: str

    @property
    def name(self) -> tuple[str, str, int]:
        """What tells it from other runs of its part."""
        return self.scenario.name, self.without, self.seed

    @property
    def of(self) -> str:
        """What is played, in short: load, faults, servers and checks. A scenario that was changed has another one."""
        one = self.scenario
        parts = (one.topology, one.workload, one.faults, one.seconds, one.exposed_by, *map(spelled, one.checks))
        told = re.sub(r" at 0x[0-9a-f]+", "", "\n".join(map(str, parts)))
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    @property
    def group(self) -> tuple[str, str, str]:
        """What the runs of all seeds have in common: a row of the file."""
        return self.part, self.scenario.name, self.without


def claims() -> list[Claim]:
    """All claims, in the order of their files."""
    found: list[Claim] = []
    for path in sorted((ROOT / "scenarios").glob("*.py")):
        module = importlib.import_module(f"pytest_arbredis.scenarios.{path.stem}")
        found += [one for one in getattr(module, "CLAIMS", ()) if isinstance(one, Claim)]
    return found


def jobs(part: str, seeds: int = SEEDS) -> Iterator[Job]:
    """All runs of a part with so many seeds, those of one topology beside one another: a pool reuses it."""
    seen: set[tuple[str, str, int]] = set()
    for claim in sorted(claims(), key=lambda claim: str(claim.proof.topology)):
        for job in _of(part, claim, seeds):
            if job.name not in seen:
                seen.add(job.name)
                yield job


def _of(part: str, claim: Claim, seeds: int) -> Iterator[Job]:
    proof = claim.proof
    if part == "hardened":
        due = "valid" if proof.kind == "guarantee" else "shown"
        for seed in range(1, 1 + (min(seeds, SEEDS_OF_BUDGETS) if proof.workload.floor else seeds)):
            yield Job(part=part, scenario=proof, seed=seed, due=due)
    if part == "naive" and claim.naive is not None:
        hazard = hazard_of(proof, claim.naive, promise=f"As designed: {proof.promise}")
        for seed in range(1, 1 + seeds):
            yield Job(part=part, scenario=hazard, seed=seed, due="shown")
    if part == "ablation" and claim.hardened is not None:
        for name in sorted(claim.hardenings):
            without = proof.with_subject(claim.hardened(frozenset({name})))
            due = "invalid" if name in claim.rests_on else "valid"
            for seed in range(1, 1 + min(seeds, SEEDS_OF_ABLATIONS)):
                yield Job(part=part, scenario=without, seed=seed, without=name, due=due)


def played(job: Job, pool: DeploymentPool, folder: Path) -> Line:
    """What came of one run: `error` if the harness failed."""
    began = time.monotonic()
    told: Line = {
        "part": job.part,
        "scenario": job.scenario.name,
        "without": job.without,
        "seed": job.seed,
        "due": job.due,
        "of": job.of,
    }
    try:
        result = run(job.scenario, pool, seed=job.seed, runs_dir=folder, keep="none")
    except Exception as error:  # noqa: BLE001 - one line of many: it is counted, and never as promised
        word, why = "error", f"{type(error).__name__}: {error}"
    else:
        worst = max(result.findings, key=lambda finding: finding.verdict, default=None)
        word, why = ("unknown", result.not_run) if worst is None else (result.verdict.word, worst.summary)
        if job.scenario.kind == "hazard" and word == "valid":
            word = "shown"
    return {**told, "word": word, "why": why[:300], "took_s": round(time.monotonic() - began, 1)}


def group_of(line: Line) -> tuple[str, str, str]:
    """`Job.group` of a run that was played."""
    return str(line["part"]), str(line["scenario"]), str(line["without"])


def taken_over(lines: Iterable[Line], revision: str, everything: Iterable[Job]) -> list[Line]:
    """Lines of an earlier commit, of groups that it has whole and of which `lines` has nothing.

    Those of a scenario that is another one by now are left out.
    """
    everything = list(everything)
    due = Counter(job.group for job in everything)
    now = {job.group: job.of for job in everything}
    there = {group_of(line) for line in lines}
    found = [
        line | {"commit": revision}
        for line in Kept(STATE / f"{revision}.jsonl").lines
        if line.get("of", now.get(group_of(line))) == now.get(group_of(line))
    ]
    whole = Counter(map(group_of, found))
    return [line for line in found if (group := group_of(line)) not in there and whole[group] >= due[group] > 0]


def counted(lines: Iterable[Line], revision: str) -> list[Line]:
    """For each scenario and hardening how its runs came out, and at which commit: of a seed only the first."""
    first: dict[tuple[object, ...], Line] = {}
    for line in lines:
        first.setdefault((*group_of(line), line["seed"]), line)
    groups: dict[tuple[str, str, str, str], list[Line]] = defaultdict(list)
    for line in first.values():
        groups[(*group_of(line), str(line["due"]))].append(line)
    rows: list[Line] = []
    for (part, scenario, without, due), runs in groups.items():
        words = Counter(str(line["word"]) for line in runs)
        rows.append(
            {
                "part": part,
                "scenario": scenario,
                "without": without,
                "due": due,
                "commit": runs[0].get("commit", revision),
                "runs": len(runs),
                "as_due": words[due],
                "at_least": round(at_least(words[due], len(runs)), 4),
                "words": dict(words),
                "otherwise": [line for line in runs if line["word"] != due],
            }
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what is left, print a line a run, write the file when all is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS, action="append", help="play only this part")
    parser.add_argument("--scenario", action="append", help="play only this scenario's runs")
    parser.add_argument("--fresh", action="store_true", help="forget what is finished")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"so many of each, not {SEEDS}: a quick look")
    parser.add_argument(
        "--earlier",
        action="append",
        default=[],
        metavar="COMMIT",
        help="take over what this one, and those named before it, have not run: the page names its commit",
    )
    parser.add_argument("--most", type=int, help="play so many runs and stop")
    chosen = parser.parse_args(arguments)
    for one in chosen.earlier:
        if not (STATE / f"{one}.jsonl").exists():
            known = ", ".join(sorted(path.stem for path in STATE.glob("*.jsonl"))) or "none"
            parser.error(f"of --earlier {one} nothing is kept; runs are there of {known}")
    about, revision = described(), commit()
    path = STATE / name_of(revision)
    if chosen.fresh:
        path.unlink(missing_ok=True)
    kept = Kept(path)
    everything = [job for part in PARTS for job in jobs(part, chosen.seeds)]
    earlier: list[Line] = []
    for one in chosen.earlier:
        earlier += taken_over((*kept.lines, *earlier), one, everything)
    done = {(*group_of(line), line["seed"]) for line in (*kept.lines, *earlier)}
    left = [job for job in everything if (job.part, *job.name) not in done]
    now = [
        job
        for job in left
        if job.part in (chosen.only or PARTS)
        and (not chosen.scenario or job.scenario.name.removesuffix(".naive") in chosen.scenario)
    ][: chosen.most]
    print(f"{len(done)} of {len(everything)} runs finished of {revision}, {len(now)} to come", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="arbredis-promises-") as name,
        DeploymentPool(Means(launcher="process")) as pool,
    ):
        for number, job in enumerate(now, 1):
            line = played(job, pool, Path(name))
            kept.add(line)
            without = f" without {job.without}" if job.without else ""
            mark = "" if line["word"] == job.due else f"  NOT {job.due.upper()}: {str(line['why'])[:160]}"
            print(
                f"{number}/{len(now)}  {job.scenario.name}{without} seed {job.seed}: {line['word']}, "
                f"{line['took_s']} s{mark}",
                flush=True,
            )
    rows = counted((*kept.lines, *earlier), revision)
    wrong = [row for row in rows if row["as_due"] != row["runs"]]
    for row in wrong:
        without = f" without {row['without']}" if row["without"] else ""
        print(f"{row['scenario']}{without}: {row['as_due']} of {row['runs']} {row['due']}: {row['words']}")
    if len(left) == len(now):
        content = {
            "benchmark": "promises",
            "commit": revision,
            "date": today(),
            "machine": about,
            "confidence": CONFIDENCE,
            "rows": rows,
        }
        RESULTS.write_text(json.dumps(content, indent=1) + "\n")
        print(f"written: {RESULTS.name}", flush=True)
        subprocess.run([sys.executable, "docs/build_promises.py"], cwd=ROOT, check=True)
    else:
        print(f"{len(left) - len(now)} runs are missing; call again to go on")
    return 1 if wrong else 3 if len(left) > len(now) else 0


if __name__ == "__main__":
    sys.exit(main())
