"""What takes too long for every change: release drills, thorough tests, planted bugs, subjects without a bug.

`make quality`, an hour. What is finished is kept by commit in `.arbredis/quality/`: a second call goes on where the
first was ended (`--fresh` forgets it, `--only PART` plays one part). When all parts are there they go, with counts and
exact bounds, to `benchmarks/results/quality.json`, from which `docs/build_track_record.py` writes
`docs/track-record.md`. A checkout with changes is kept apart. Exit status 1 if anything was not as promised, 3 if parts
are missing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from bounds import CONFIDENCE, at_least, at_most
from kept import Kept, name_of
from machine import ROOT, commit, described, today

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

RESULTS = Path(__file__).parent / "results" / "quality.json"
STATE = ROOT / ".arbredis" / "quality"
LAUNCHERS = ("process", "docker")
DRILL_WITHIN_S = {"process": 600.0}
"""The release drill's goal, on processes."""

RUNS = ("planted", "correct")
PARTS = (*(f"drill-{launcher}" for launcher in LAUNCHERS), "thorough", *RUNS)
TOUCHED_AT_MOST = 0.01
"""A planted bug touches no larger share of the operations; where a fault brings it out, of those before any fault."""
VALID_SHARE = 0.975
"""Of 200 runs of correct subjects 195 are valid, with evidence."""


def run(words: Sequence[str], **variables: str) -> tuple[int, float]:
    """Exit status and seconds of a command of this environment; what it says goes to the terminal."""
    began = time.monotonic()
    command = [sys.executable, "-m", *words]
    status = subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, check=False).returncode
    return status, round(time.monotonic() - began, 1)


def thorough_tests(folder: Path) -> dict[str, object]:
    """Tests that `make test` leaves out: counts by outcome."""
    report = folder / "thorough.xml"
    expression = "thorough"
    status, took_s = run(["pytest", "-n", "2", "--dist", "worksteal", "-m", expression, f"--junitxml={report}", "-q"])
    suite = next(ET.parse(report).iter("testsuite"))  # noqa: S314 - written by our own pytest a moment ago
    counts = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
    return {"part": "thorough", "what": f"pytest -m '{expression}'", "status": status, "took_s": took_s, **counts}


def release_drill(launcher: str, folder: Path) -> dict[str, object]:
    """All shipped scenarios on one launcher: the word and the seconds of each."""
    runs, summary = folder / launcher, folder / f"{launcher}.md"
    words = ["pytest_arbredis.cli", "drill", "--profile", "release", "--launcher", launcher, "--runs-dir", str(runs)]
    status, took_s = run(words, GITHUB_STEP_SUMMARY=str(summary))
    told = summary.read_text() if summary.exists() else ""
    rows = re.findall(r"^\| \S+ \| ([a-z ]+) \| `([^`]+)` \|", told, re.MULTILINE)
    return {
        "part": f"drill-{launcher}",
        "what": f"arbredis drill --profile release --launcher {launcher}",
        "status": status,
        "took_s": took_s,
        "within_s": DRILL_WITHIN_S.get(launcher),
        "scenarios": {scenario: word for word, scenario in rows},
    }


def play(part: str, kept: Kept, folder: Path, most: int | None) -> None:
    """The runs of planted bugs, or of correct subjects, that are not there yet; a line for each."""
    sys.path.insert(0, str(ROOT / "tests" / "quality"))
    from planted.runs import jobs, played

    from pytest_arbredis.topology.means import Means
    from pytest_arbredis.topology.pool import DeploymentPool

    done = {(line["name"], line["seed"]) for line in kept.of(part)}
    everything = list(jobs(part))
    left = [job for job in everything if (job.name, job.seed) not in done][:most]
    if not left:
        return
    with DeploymentPool(Means(launcher="process")) as pool:
        for number, job in enumerate(left, 1):
            line = played(job, pool, folder)
            kept.add(line)
            print(
                f"{part} {len(done) + number}/{len(everything)}  {job.name} seed {job.seed}: "
                f"{line['word']}, {line['took_s']} s  {str(line['why'])[:100]}",
                flush=True,
            )


def expected(part: str) -> int:
    """How many lines make a part whole."""
    if part not in RUNS:
        return 1
    sys.path.insert(0, str(ROOT / "tests" / "quality"))
    from planted.runs import jobs

    return sum(1 for _ in jobs(part))


def planted_found(lines: Iterable[dict[str, object]]) -> dict[str, object]:
    """For each bug how often it was found, with the share that is certain, and the share of operations it touched."""
    runs: Counter[str] = Counter()
    found: Counter[str] = Counter()
    touched: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for line in lines:
        name = str(line["name"])
        runs[name] += 1
        found[name] += line["word"] == "invalid"
        touched[name] += int(str(line.get("touched", 0)))
        of[name] += int(str(line.get("of", 0)))
    bugs = {
        name: {
            "found": found[name],
            "runs": count,
            "at_least": round(at_least(found[name], count), 4),
            **({"touched": touched[name], "of": of[name]} if of[name] else {}),
        }
        for name, count in sorted(runs.items())
    }
    most = max((touched[name] / of[name] for name in of if of[name]), default=0.0)
    total, hits = runs.total(), found.total()
    return {
        "part": "planted",
        "what": "planted bugs on real servers",
        "status": int(hits < total or most > TOUCHED_AT_MOST),
        "runs": total,
        "found": hits,
        "touched_at_most": round(most, 4),
        "at_least": round(at_least(hits, total), 4),
        "bugs": bugs,
    }


def correct_judged(lines: Sequence[dict[str, object]]) -> dict[str, object]:
    """How correct subjects came out, with the share of false alarms that cannot be ruled out."""
    words = Counter(str(line["word"]) for line in lines)
    total, alarms, undecided = len(lines), words["invalid"], words["unknown"] + words["error"]
    return {
        "part": "correct",
        "what": "correct subjects on real servers",
        "status": int(bool(alarms) or words["valid"] < VALID_SHARE * total),
        "runs": total,
        "valid": words["valid"],
        "unknown": words["unknown"],
        "errors": words["error"],
        "false_alarms": alarms,
        "false_alarms_at_most": round(at_most(alarms, total), 4),
        "unknown_share": round(undecided / total, 4) if total else None,
        "subjects": {
            name: dict(Counter(str(line["word"]) for line in lines if line["name"] == name))
            for name in sorted({str(line["name"]) for line in lines})
        },
        "not_valid": [line for line in lines if line["word"] != "valid"],
    }


SUMMARIES: dict[str, Callable[[list[dict[str, object]]], dict[str, object]]] = {
    "planted": planted_found,
    "correct": correct_judged,
}


def summary(part: str, kept: Kept) -> dict[str, object]:
    """What a part came to."""
    lines = kept.of(part)
    if part not in SUMMARIES:
        return lines[-1]
    took_s = round(sum(float(str(line["took_s"])) for line in lines), 1)
    return {**SUMMARIES[part](lines), "took_s": took_s}


def is_good(part: dict[str, object]) -> bool:
    """As promised, and in time."""
    late = part.get("within_s") and float(str(part["took_s"])) > float(str(part["within_s"]))
    return part["status"] == 0 and not late


def state_of(revision: str) -> Path:
    """Where the finished parts of this checkout are, if it is at `revision`."""
    return STATE / name_of(revision)


def taken_over(kept: Kept, revisions: Iterable[str]) -> dict[str, tuple[str, Kept]]:
    """Whole parts of earlier commits, the first that has one, of those that this one lacks: by part its commit too."""
    found: dict[str, tuple[str, Kept]] = {}
    for revision in revisions:
        for one in map(Kept, sorted(STATE.glob(f"{revision}*.jsonl"))):
            for part in PARTS:
                if len(kept.of(part)) < expected(part) == len(one.of(part)):
                    found.setdefault(part, (revision, one))
    return found


def build_page() -> None:
    """The page that says what the file says."""
    subprocess.run([sys.executable, "docs/build_track_record.py"], cwd=ROOT, check=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what is left, print a line for each part, write the file when all is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS, action="append", help="play only this part")
    parser.add_argument("--fresh", action="store_true", help="forget what is finished")
    parser.add_argument(
        "--earlier",
        action="append",
        default=[],
        metavar="COMMIT",
        help="take over what this one, and those named before it, lack: the page names its commit",
    )
    parser.add_argument("--most", type=int, help="of planted and correct, play so many runs and stop")
    chosen = parser.parse_args(arguments)
    about, revision = described(), commit()
    path = state_of(revision)
    if chosen.fresh:
        path.unlink(missing_ok=True)
    kept = Kept(path)
    print(f"{len(kept.lines)} finished of {revision}, kept in {path.parent.name}/{path.name}", flush=True)
    earlier = taken_over(kept, chosen.earlier)
    with tempfile.TemporaryDirectory(prefix="arbredis-quality-") as name:
        for part in chosen.only or PARTS:
            if part in earlier:
                continue
            if part in RUNS:
                play(part, kept, Path(name), chosen.most)
            elif not kept.of(part):
                launcher = part.removeprefix("drill-")
                kept.add(thorough_tests(Path(name)) if part == "thorough" else release_drill(launcher, Path(name)))
    missing = [part for part in PARTS if part not in earlier and len(kept.of(part)) < expected(part)]
    parts = [
        {**summary(part, one), "commit": told}
        for part in PARTS
        for told, one in (earlier.get(part, (revision, kept)),)
        if one.of(part)
    ]
    for part in parts:
        print(line_of(part))
    if not missing:
        content = {
            "benchmark": "quality",
            "commit": revision,
            "date": today(),
            "machine": about,
            "confidence": CONFIDENCE,
            "parts": parts,
        }
        RESULTS.write_text(json.dumps(content, indent=1) + "\n")
        print(f"written: {RESULTS.name}", flush=True)
        build_page()
    else:
        print(f"not all is there: {', '.join(missing)}; call again to go on")
    return 1 if not all(map(is_good, parts)) else 3 if missing else 0


def line_of(part: dict[str, object]) -> str:
    """A part in one line."""
    counts = {
        "planted": "{found} of {runs} found (at least {at_least:.1%} at 95 %), at most {touched_at_most:.2%} touched",
        "correct": "{valid} of {runs} valid, {unknown} unknown, {errors} errors, {false_alarms} false alarms "
        "(at most {false_alarms_at_most:.1%} at 95 %)",
    }
    told = counts.get(str(part["part"]), "status {status}").format(**part)
    return f"{part['what']}: {told}, {part['took_s']} s"


if __name__ == "__main__":
    sys.exit(main())
