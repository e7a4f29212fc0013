"""Writes docs/promises.md from the scenarios' claims and benchmarks/results/promises.json, and from nothing else.

python docs/build_promises.py
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from words_of_promises import EVENTS, HEAD, NO_OWN, OF_ABLATIONS, OF_EVERY_KEY, OF_GLANCE, SECTIONS, SETTINGS

from pytest_arbredis.scenarios.promises import Claim, Event
from pytest_arbredis.state.keyspace.patterns import ALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.state.keyspace.pattern import KeyPattern

    Rows = dict[tuple[str, str, str], dict[str, Any]]

PAGE = Path(__file__).with_name("promises.md")
RESULTS = Path(__file__).parent.parent / "benchmarks" / "results" / "promises.json"
REMEDY = "run it first: make promises (it may be ended, and goes on when it is called again)"

GLANCE = ("crash", "power loss", "failover", "partition", "OOM", "eviction", "Redis away")
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
    rows: Rows = {(row["part"], row["scenario"], row["without"]): row for row in results["rows"]}
    everywhere = [claim for claim in stated if not _of_few(claim)]
    groups = _groups([claim for claim in stated if _of_few(claim)])
    sections = [
        part
        for name, (patterns, own) in groups.items()
        for part in (
            f"### {_heading(name)}\n",
            _keys(name, patterns, own),
            table(own, rows, patterns) if own else NO_OWN,
        )
    ]
    parts = [
        HEAD.format(**{**results, "machine": where, "earlier": _earlier(results), "surely": _surely(results)}),
        glance(everywhere, groups),
        "## Every key\n",
        OF_EVERY_KEY,
        table(everywhere, rows, ALL),
        "## Key by key\n",
        *sections,
        glossary(),
        ablations(stated, rows),
        otherwise(results["rows"]),
    ]
    return "\n".join(part for part in parts if part)


def glance(everywhere: list[Claim], groups: dict[str, tuple[list[KeyPattern], list[Claim]]]) -> str:
    """For each key and event whether an acknowledged change may be lost, and how Redis must be set that it is not."""
    lines = [
        OF_GLANCE,
        f"| key | {' | '.join(GLANCE)} |",
        "|---|" + "---|" * len(GLANCE),
        f"| [every key](#every-key) | {' | '.join(_kept(everywhere, event) or 'not proven' for event in GLANCE)} |",
    ]
    for name, (patterns, own) in groups.items():
        alike: dict[str, list[str]] = {}
        for pattern in patterns:
            mine = [claim for claim in own if pattern in claim.keys]
            cells = " | ".join(_told(mine, everywhere, event) for event in GLANCE)
            alike.setdefault(cells, []).append(f"`{pattern.grammar}`")
        to = _heading(name).lower().replace(" ", "-")
        lines += [
            f"| {', '.join(keys)} ([{_heading(name).lower()}](#{to})) | {cells} |" for cells, keys in alike.items()
        ]
    if not any(claim.event == "partition" for claim in everywhere):
        lines += ["", "Partitions are not proven yet: they wait for proxies that tell the links of a node apart."]
    return "\n".join([*lines, ""])


def glossary() -> str:
    """What the events are, and how Redis is set."""
    told = [f"| {name} | {is_} |" for name, is_ in (EVENTS | SETTINGS).items()]
    return "\n".join(["## Words\n", "| event, or how Redis is set | is |", "|---|---|", *told, ""])


def table(stated: list[Claim], rows: Rows, patterns: Sequence[KeyPattern]) -> str:
    """The claims, one a row, by event; the keys are named where they are not all of `patterns`."""
    lines = [
        "| event | operation | may be | proven by | as promised | as designed |",
        "|---|---|---|---|---|---|",
    ]
    for claim in sorted(stated, key=lambda claim: (get_args(Event).index(claim.event), "asyncio" in claim.operation)):
        fates = "; ".join(f"**{fate}**: {_plain(claim.may_be[fate])}" for fate in FATES if fate in claim.may_be)
        proof = rows["hardened", claim.proof.name, ""]
        naive = "-"
        if claim.naive is not None:
            shown = rows["naive", f"{claim.proof.name}.naive", ""]
            naive = f"violated in {shown['as_due']} of {shown['runs']}"
        lines.append(
            f"| {claim.event} | {_plain(claim.operation)}{_where(claim, patterns)} | {fates or 'none of these'} | "
            f"`{claim.proof.name}` | {proof['as_due']} of {proof['runs']} {proof['due']} | {naive} |"
        )
    return "\n".join([*lines, ""])


def ablations(stated: list[Claim], rows: Rows) -> str:
    """What each hardening carries: the scenarios that come out invalid without it."""
    lines = [
        OF_ABLATIONS,
        "| scenario | must be invalid without | must stay valid without |",
        "|---|---|---|",
    ]
    unjudged: list[str] = []
    for claim in stated:
        told: dict[str, list[str]] = {"invalid": [], "valid": []}
        for name in sorted(claim.hardenings):
            row = rows["ablation", claim.proof.name, name]
            told[row["due"]].append(f"{name} ({row['as_due']} of {row['runs']})")
        line = f"| `{claim.proof.name}` | {', '.join(told['invalid']) or '-'} | {', '.join(told['valid']) or '-'} |"
        if claim.hardenings and line not in lines:
            lines.append(line)
        unjudged += [f"- `{claim.proof.name}` without {name}: {why}" for name, why in claim.unjudged.items()]
    return "\n".join([*lines, "", "What a scenario cannot tell, and is not asked:\n", *dict.fromkeys(unjudged), ""])


def otherwise(rows: list[dict[str, Any]]) -> str:
    """Every run that did not come out as it should, with what it said."""
    lines = [
        f"- `{one['scenario']}`{' without ' + one['without'] if one['without'] else ''}, seed {one['seed']}: "
        f"{one['word']}, not {one['due']}: {_plain(one['why'])}"
        for row in rows
        for one in row["otherwise"]
    ]
    return "\n".join(["## What came out otherwise\n", *lines, ""]) if lines else ""


def _of_few(claim: Claim) -> bool:
    """Whether it is of one piece's keys. Others hold for all keys, or for all that never expire."""
    return bool(claim.keys) and set(claim.keys) not in (set(ALL), {one for one in ALL if _persists(one)})


def _persists(pattern: KeyPattern) -> bool:
    return pattern.ttl_s is None and not pattern.may_expire


def _groups(own: list[Claim]) -> dict[str, tuple[list[KeyPattern], list[Claim]]]:
    """Sections with their keys, and the claims of these; keys of no page come last."""
    named = {pattern for patterns in SECTIONS.values() for pattern in patterns}
    others = tuple(pattern for pattern in ALL if pattern not in named)
    return {
        name: (list(patterns), [claim for claim in own if set(claim.keys) & set(patterns)])
        for name, patterns in (*SECTIONS.items(), ("", others))
    }


def _heading(name: str) -> str:
    return name.capitalize() if name else "Other keys"


def _keys(name: str, patterns: list[KeyPattern], own: list[Claim]) -> str:
    """The keys of a section: what they hold, and the pages that are about them."""

    def ends(pattern: KeyPattern) -> str:
        if pattern.ttl_s is not None:
            return f"{pattern.ttl_s} s"
        return "none, or as it is given" if pattern.may_expire else "none"

    stems = [claim.proof.name.partition(".")[0].removeprefix("state_") for claim in own]
    pages = [page for page in dict.fromkeys((name, *stems)) if (PAGE.parent / "state" / f"{page}.md").exists()]
    lines = [
        f"| `{one.grammar}` | {_plain(one.holds)} | {', '.join((one.type, *one.also))} | {ends(one)} |"
        for one in patterns
    ]
    told = f"How to use them: {', '.join(f'[{page}](state/{page}.md)' for page in pages)}.\n"
    return "\n".join(
        [
            *([told] if pages else []),
            "| key | holds | type | time to live |",
            "|---|---|---|---|",
            *lines,
            "",
        ]
    )


def _told(own: list[Claim], everywhere: list[Claim], event: str) -> str:
    """What a key's own claims say of an event, where that is not what holds for every key."""
    mine = [claim for claim in own if claim.event.partition(",")[0] == event]
    known = {claim.event for claim in mine}
    others = [claim for claim in everywhere if claim.event not in known]
    if not mine or _kept([*mine, *others], event) == _kept(everywhere, event):
        return "as every key"
    return "; ".join([_kept(mine, event), *(["else as every key"] if _kept(others, event) else [])])


def _kept(stated: list[Claim], event: str) -> str:
    """How Redis must be set that nothing is lost at this event: `kept: AOF always; may be lost: RDB (everything)`."""
    of_event = [claim for claim in stated if claim.event.partition(",")[0] == event]
    losing: dict[str, dict[str, None]] = {}
    for claim in of_event:
        if "lost" in claim.may_be:
            losing.setdefault(claim.event, {})[_plain(claim.may_be["lost"])] = None
    kept = [_setting(one) for one in _in_order(of_event) if one not in losing]
    told = [f"kept: {', '.join(kept)}" if all(kept) else "kept"] if kept else []
    lost = [
        f"{setting} ({what})" if (setting := _setting(one)) else what
        for one in _in_order(of_event)
        if one in losing
        for what in ("; ".join(losing[one]),)
    ]
    return "; ".join([*told, *([f"**may be lost**: {', '.join(lost)}"] if lost else [])])


def _in_order(stated: Sequence[Claim]) -> list[str]:
    """The events of some claims, each once, as they are listed everywhere."""
    there = {claim.event for claim in stated}
    return [event for event in get_args(Event) if event in there]


def _setting(event: str) -> str:
    return event.partition(", ")[2]


def _where(claim: Claim, patterns: Sequence[KeyPattern]) -> str:
    """The keys that a claim is of, where they are not all that the table is about."""
    keys = set(claim.keys) or set(ALL)
    if keys >= set(patterns):
        return ""
    if keys == {one for one in ALL if _persists(one)}:
        return " (keys that never expire)"
    return f" ({', '.join(f'`{one.grammar}`' for one in patterns if one in keys)})"


def _surely(results: dict[str, Any]) -> str:
    full = [row for row in results["rows"] if row["as_due"] == row["runs"]]
    most = max(full, key=lambda row: row["runs"], default=None)
    if most is None:
        return ""
    sure = f"at least {most['at_least']:.0%} of all runs come out so, at {results['confidence']:.0%} confidence"
    return f"{most['runs']} of {most['runs']} says that {sure}.\n  "


def _earlier(results: dict[str, Any]) -> str:
    """Which runs are of a commit before."""
    runs: dict[str, int] = {}
    for row in results["rows"]:
        if row["commit"] != results["commit"]:
            runs[row["commit"]] = runs.get(row["commit"], 0) + row["runs"]
    return "".join(f"{count} runs, of whole scenarios, were played at `{one}`.\n  " for one, count in runs.items())


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
