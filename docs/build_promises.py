"""Writes docs/promises.md from the scenarios' claims and benchmarks/results/promises.json, and from nothing else.

python docs/build_promises.py
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from pytest_arbredis.scenarios.promises import Claim
from pytest_arbredis.state.keyspace.patterns import ALL

PAGE = Path(__file__).with_name("promises.md")
RESULTS = Path(__file__).parent.parent / "benchmarks" / "results" / "promises.json"
REMEDY = "run it first: make promises (it may be ended, and goes on when it is called again)"

HEAD = """\
# What the state layer promises

No guarantee is absolute: over asynchronous replication a token and its effect roll back together, and a queue too. Each
row says what an event may do to an operation, and which scenario proves it: `arbredis drill NAME` runs it. What a
column does not mention may not happen. Every figure is of one call of `make promises`, at commit `{commit}`, on {date};
{machine}. *As designed* is the naive twin, which does what the design says and no more, in the same scenario: same
workload, schedule, seeds and checks. Written by `docs/build_promises.py`, which adds nothing of its own.

Partitions are not in the table: they wait for proxies that tell the links of a node apart.
"""

EVENTS = ("crash", "power loss", "failover", "OOM", "eviction", "Redis away")
"""What each key pattern is looked up for; an event of a claim begins with one of these."""

OTHER = "other"
FATES = ("lost", "repeated", "delayed", "refused")


def claims() -> list[Claim]:
    """All claims, in the order of their files."""
    found: list[Claim] = []
    for path in sorted((Path(__file__).parent.parent / "scenarios").glob("*.py")):
        module = importlib.import_module(f"pytest_arbredis.scenarios.{path.stem}")
        found += [one for one in getattr(module, "CLAIMS", ()) if isinstance(one, Claim)]
    return found


def render(results: dict[str, Any], stated: list[Claim]) -> str:
    """The page. Raises `KeyError` for a scenario that was not run."""
    machine = results["machine"]
    where = f"{machine['system']}, {machine['cores']} cores, Python {machine['python']}, redis-py {machine['redis_py']}"
    rows = {(row["part"], row["scenario"], row["without"]): row for row in results["rows"]}
    parts = [
        HEAD.format(**{**results, "machine": where}),
        promised(stated, rows),
        by_pattern(stated),
        ablations(stated, rows),
        otherwise(results["rows"]),
    ]
    return "\n".join(part for part in parts if part)


def promised(stated: list[Claim], rows: dict[tuple[str, str, str], dict[str, Any]]) -> str:
    """The claims, one a row."""
    lines = [
        "## By operation\n",
        f"| operation | event | {' | '.join(FATES)} | proven by | as promised | as designed |",
        "|---|---|" + "---|" * (len(FATES) + 3),
    ]
    for claim in stated:
        fates = " | ".join(_plain(claim.may_be.get(fate, "-")) for fate in FATES)  # type: ignore[call-overload]
        proof = rows["hardened", claim.proof.name, ""]
        naive = "-"
        if claim.naive is not None:
            shown = rows["naive", f"{claim.proof.name}.naive", ""]
            naive = f"violated in {shown['as_due']} of {shown['runs']}"
        lines.append(
            f"| {_plain(claim.operation)} | {claim.event} | {fates} | `{claim.proof.name}` | "
            f"{proof['as_due']} of {proof['runs']} {proof['due']} | {naive} |"
        )
    return "\n".join([*lines, ""])


def by_pattern(stated: list[Claim]) -> str:
    """For each pattern of keys the scenarios that say what an event may do to it."""
    lines = [
        "## By key\n",
        "The scenarios that judge a key of each pattern; the table above says what each allows.\n",
        f"| key | time to live | {' | '.join(EVENTS)} | {OTHER} |",
        "|---|---|" + "---|" * (len(EVENTS) + 1),
    ]
    for pattern in ALL:
        mine = [claim for claim in stated if pattern in claim.keys]
        cells = [_names(claim for claim in mine if claim.event.startswith(event)) for event in EVENTS]
        rest = _names(claim for claim in mine if not claim.event.startswith(EVENTS))
        ttl = "none" if pattern.ttl_s is None else f"{pattern.ttl_s} s"
        lines.append(f"| `{pattern.grammar}` | {ttl} | {' | '.join(cells)} | {rest} |")
    return "\n".join([*lines, ""])


def ablations(stated: list[Claim], rows: dict[tuple[str, str, str], dict[str, Any]]) -> str:
    """What each hardening carries: the scenarios that come out invalid without it."""
    lines = [
        "## Hardenings, each left out\n",
        "Every scenario of a piece, with one of its hardenings switched off. **Invalid** is due where the claim rests",
        "on it, valid elsewhere.\n",
        "| scenario | hardening left out | due | came out |",
        "|---|---|---|---|",
    ]
    for claim in stated:
        for name in sorted(claim.hardenings):
            row = rows["ablation", claim.proof.name, name]
            due = "**invalid**" if row["due"] == "invalid" else "valid"
            words = ", ".join(f"{count} {word}" for word, count in sorted(row["words"].items()))
            line = f"| `{claim.proof.name}` | {name} | {due} | {words} |"
            if line not in lines:
                lines.append(line)
    return "\n".join([*lines, ""])


def otherwise(rows: list[dict[str, Any]]) -> str:
    """Every run that did not come out as it should, with what it said."""
    lines = [
        f"- `{one['scenario']}`{' without ' + one['without'] if one['without'] else ''}, seed {one['seed']}: "
        f"{one['word']}, not {one['due']}: {_plain(one['why'])}"
        for row in rows
        for one in row["otherwise"]
    ]
    return "\n".join(["## What came out otherwise\n", *lines, ""]) if lines else ""


def _names(of: Any) -> str:
    return ", ".join(sorted({f"`{claim.proof.name}`" for claim in of})) or "-"


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> int:
    """Write the page; without results there is none."""
    if not RESULTS.exists():
        print(f"{RESULTS.name} is not there, and this page says only what it says\n  remedy: {REMEDY}", file=sys.stderr)
        return 2
    PAGE.write_text(render(json.loads(RESULTS.read_text()), claims()))
    print(f"written: {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
