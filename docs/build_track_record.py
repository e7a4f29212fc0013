"""Writes docs/track-record.md from benchmarks/results/quality.json, and from nothing else.

python docs/build_track_record.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("track-record.md")
RESULTS = Path(__file__).parent.parent / "benchmarks" / "results" / "quality.json"
REMEDY = "run it first: make quality (it may be ended, and goes on when it is called again)"

HEAD = """\
# Track record

What the verdicts of this harness are worth: bugs that were planted and must be found, subjects without a bug that
nobody may accuse, and the shipped scenarios. Every figure is of `make quality` on {date}, at commit
{commits}; {machine}.
Written by `docs/build_track_record.py`, which adds nothing of its own. The bounds are exact (Clopper and Pearson),
one-sided, at {confidence:.0%}: what such counts leave possible, were the runs independent.
"""

BUGS = """\
## Planted bugs

Each file of `tests/quality/planted/` is a small subject with one bug, which passes its functional test and touches one
operation of a hundred, or only those that meet a fault. A run is a scenario of a few seconds on real servers; it is
counted as found if the check that the file names calls it invalid. **{found} of {runs} runs** found their bug: at least
{at_least:.1%}.

{head}
{rows}
"""

HEAD_OF_BUGS = "| bug | found | at least |\n|---|---|---|"
HEAD_WITH_TOUCHED = "| bug | found | at least | touched |\n|---|---|---|---|"
TOUCHED = """\
Touched is measured: each bug tells when it does something else than the mended code would. Where only a fault brings it
out, the operations before any fault are counted.
"""

CORRECT = """\
## Subjects without a bug

The mended twin of every planted bug, in the same scenario, and clients of the library. **{false_alarms} of {runs} runs
were a false alarm**: at most {false_alarms_at_most:.1%}. {valid} were valid, with evidence; {unknown} unknown
({unknown_share:.1%} with the {errors} in which the harness failed).

| subject | verdicts |
|---|---|
{rows}
"""

DRILLS = """\
## Shipped scenarios and thorough tests

| what | status | took |
|---|---|---|
{rows}
"""


def render(results: dict[str, Any]) -> str:
    """The page. Raises `KeyError` for a part that is missing."""
    parts = {part["part"]: part for part in results["parts"]}
    machine = results["machine"]
    where = f"{machine['system']}, {machine['cores']} cores, Python {machine['python']}, redis-py {machine['redis_py']}"
    head = HEAD.format(**{**results, "machine": where, "commits": commits(results)})
    return "\n".join([head, planted(parts["planted"]), correct(parts["correct"]), drills(results["parts"])])


def commits(results: dict[str, Any]) -> str:
    """Of which commit the figures are; by part, if they are not all of one."""
    by: dict[str, list[str]] = {}
    for part in results["parts"]:
        by.setdefault(part.get("commit", results["commit"]), []).append(part["part"])
    if len(by) == 1:
        return f"`{next(iter(by))}`"
    return ", ".join(f"`{commit}` ({', '.join(names)})" for commit, names in by.items())


def planted(part: dict[str, Any]) -> str:
    """The bugs, one a row."""
    measured = any("of" in bug for bug in part["bugs"].values())
    rows = [
        f"| {name.replace('_', ' ')} | {bug['found']} of {bug['runs']} | {bug['at_least']:.1%} |"
        + (f" {bug.get('touched', '?')} of {bug.get('of', '?')} |" if measured else "")
        for name, bug in part["bugs"].items()
    ]
    head = HEAD_WITH_TOUCHED if measured else HEAD_OF_BUGS
    text = BUGS.format(**part, head=head, rows="\n".join(rows))
    return f"{text}\n{TOUCHED}" if measured else text


def correct(part: dict[str, Any]) -> str:
    """The subjects, one a row, and every run that was not valid with what it said."""
    rows = [
        f"| {name.replace('_', ' ')} | {', '.join(f'{count} {word}' for word, count in words.items())} |"
        for name, words in part["subjects"].items()
    ]
    text = CORRECT.format(**part, rows="\n".join(rows))
    lines = [
        f"- {one['name'].replace('_', ' ')}, seed {one['seed']}: {one['word']}: {_plain(one['why'])}"
        for one in part["not_valid"]
    ]
    return "\n".join([text, "What was not valid, and why:\n", *lines, ""]) if lines else text


def drills(parts: list[dict[str, Any]]) -> str:
    """The other parts, one a row."""
    rows = []
    for part in parts:
        if part["part"] in {"planted", "correct"}:
            continue
        of = part.get("scenarios")
        held = sum(word in {"valid", "shown"} for word in of.values()) if of else 0
        told = (
            f"{held} of the {len(of)} results on record valid or shown"
            if of
            else f"{part.get('tests')} tests, {part.get('failures')} failed"
        )
        rows.append(f"| `{part['what']}` | {part['status']} ({told}) | {part['took_s']:.0f} s |")
    return DRILLS.format(rows="\n".join(rows))


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> int:
    """Write the page; without results there is none."""
    if not RESULTS.exists():
        print(f"{RESULTS.name} is not there, and this page says only what it says\n  remedy: {REMEDY}", file=sys.stderr)
        return 2
    PAGE.write_text(render(json.loads(RESULTS.read_text())))
    print(f"written: {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
