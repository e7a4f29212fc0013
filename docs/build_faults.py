"""Writes docs/faults.md: every fault of the registry, with what a probe saw of it when it was run here.

    python docs/build_faults.py                   run every fault on real servers, on each launcher that is here
    python docs/build_faults.py --keep-evidence   no servers: the words anew, the evidence as it stands

A fault that is not observed ends it with status 1, and the file stays as it was.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import tempfile
import textwrap
import time
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from pytest_arbredis.faults.registry import FAULTS, kind_of
from pytest_arbredis.faults.verbs import Verbs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_arbredis.faults.fault import Fault
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.means import LauncherName

PAGE = Path(__file__).with_name("faults.md")
LAUNCHERS: tuple[LauncherName, ...] = ("process", "docker")
NOT_HERE = "not possible here: "

UNITS = {
    "ms": "milliseconds",
    "us": "microseconds",
    "mb": "MB (1024 * 1024 bytes)",
    "percent": "% of one processor",
} | {
    "kb_per_s": "thousand bytes a second",
    "bytes": "bytes",
    "seconds": "seconds",
}
NEEDS = {
    "proxies": "proxies",
    "signals": "the right to signal and start servers",
    "sentinels": "Sentinels",
    "replicas": "a replica",
    "containers": "containers (launcher `docker`)",
    "debug": "the command DEBUG",
    "files": "servers that the harness started",
    "power": "a topology with `power=True`, on Linux, and the library that `arbredis doctor --fix` compiles",
    "tmpfs": "the right to mount a small file system, and processes (launcher `process`)",
}

INTRODUCTION = """\
# Faults

Every fault is a verb of the fixture `faults`, in force when the call returns and healed at the end of the test or of
its `with` block, and of a schedule: `schedule.at(seconds=2).crash("primary").at(seconds=6).restart("crashed")`. Your
own are made as [creating-faults.md](creating-faults.md) says.

A target is a role or the name of a node. `primary`; `second`, the other Redis of a `dual` topology; `replicas`,
`replica` (the first); `nodes`, all of them; `n0`, `n1`, …; `crashed`, whatever does not run; `sentinels`, `s0`, `s1`,
…; `minority`, the most Sentinels that can be lost with a majority left; `majority`, the fewest whose loss leaves a
minority.

## What Sentinels make of it
| fault | what they do |
|---|---|
| `crash`, `pause`, `stop`, … of the primary | promote a replica, after `down-after-milliseconds` and a vote |
| `crash` or `pause` of a `minority` of them | the others still promote |
| `crash` or `pause` of a `majority` of them | the one left sees the primary down, and promotes nobody |
| `down` of a `majority` of them | they are not reached, but reach the third: two of three still agree, and promote |
| `pause` of a Sentinel for 2 s or more | it wakes up in TILT, and acts only after 30 s (1 s with fast timing) |
| `loading` | nothing: LOADING is a sign of life |
| `disk_full` | promote a replica: a PING that is refused with MISCONF is none |

## What is left of acknowledged writes
| persistence | after `crash` | after `power_loss` |
|---|---|---|
| `appendfsync always` | all | all |
| `appendfsync everysec` | all; where a sync is late but those of 2.1 s | all but those of a second and a sync |
| the same with `slow_disk` | as above, of up to 2 s | all but those of a second and up to twice the sync's time |
| `appendfsync no` | all | what the kernel has written by itself; here nothing |
| snapshots (`save`) | those of the last snapshot | the same |
| none | none | none |

Each line of `power_loss` is a scenario: `arbredis drill power_loss`.
"""


@dataclass(kw_only=True)
class Evidence:
    """What was seen: when and of which versions, and the sentence of each fault by launcher."""

    origin: dict[str, str] = field(default_factory=dict)
    seen: dict[str, dict[str, str]] = field(default_factory=dict)


class Collected(Verbs[tuple["Fault", str]]):
    """A verb gives its fault and target."""

    def _put(self, fault: Fault, target: str, *, expect_unobserved: bool) -> tuple[Fault, str]:
        assert not expect_unobserved  # noqa: S101 - no example says so
        return fault, target


def example_of(name: str) -> tuple[Fault, str]:
    """The fault and the target of the example in its nature, `faults.name(…)` with literal arguments."""
    call: Any = ast.parse(FAULTS[name].nature.example, mode="eval").body
    arguments = [ast.literal_eval(argument) for argument in call.args]
    settings = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    made: tuple[Fault, str] = getattr(Collected(), call.func.attr)(*arguments, **settings)
    return made


def render(evidence: Evidence) -> str:
    """The whole page."""
    parts = [INTRODUCTION, _origins(evidence)]
    parts += [_section(name, kind, evidence.seen.get(name, {})) for name, kind in sorted(FAULTS.items())]
    return "\n".join(parts)


def _origins(evidence: Evidence) -> str:
    lines = [f"- {launcher}: {text}\n" for launcher, text in evidence.origin.items()]
    return "## Every fault\nWhat was seen of each comes from a real run (`make docs`):\n\n" + "".join(lines)


def _section(name: str, kind: type[Fault], seen: Mapping[str, str]) -> str:
    nature = kind.nature
    needs = ", ".join(NEEDS[need] for need in nature.needs) or "nothing but its servers"
    lines = [f"### {name}", inspect.getdoc(kind) or "", "", "```python", nature.example, "```", ""]
    lines += _fields(kind)
    told = (f"A client sees: {nature.client_sees}.", f"A probe sees: {nature.seen_by}.", f"Needs: {needs}.")
    lines += [textwrap.fill(f"- {text}", width=120, subsequent_indent="  ") for text in told]
    lines += [f"- Seen, {launcher}: {text}" for launcher, text in seen.items()]
    return "\n".join(lines) + "\n"


def _fields(kind: type[Fault]) -> list[str]:
    rows, hints = [], get_type_hints(kind)
    for item in fields(kind):  # type: ignore[arg-type]
        unit = next((UNITS[end] for end in UNITS if item.name == end or item.name.endswith(f"_{end}")), "")
        default = "needed" if item.default is MISSING else f"`{item.default!r}`"
        rows.append(f"| `{item.name}` | {_type(hints[item.name])} | {default} | {unit} |")
    return ["| field | type | default | unit |", "|---|---|---|---|", *rows, ""] if rows else []


def _type(hint: Any) -> str:
    """A type, or the values that it has: one's own, or those of the types that it is one of."""
    values = get_args(hint)
    return ", ".join(map(_type, values)) if values else f"`{hint.__name__ if isinstance(hint, type) else repr(hint)}`"


def read(text: str) -> Evidence:
    """The evidence of a page."""
    head, *sections = re.split(r"^### ", text, flags=re.MULTILINE)
    evidence = Evidence(origin=dict(re.findall(rf"^- ({'|'.join(LAUNCHERS)}): (.*)$", head, re.MULTILINE)))
    for section in sections:
        name = section.partition("\n")[0]
        evidence.seen[name] = dict(re.findall(r"^- Seen, (\w+): (.*)$", section, re.MULTILINE))
    return evidence


def gather() -> Evidence:
    """Run every fault on each launcher that is here. A fault that no probe sees is a `SystemExit`."""
    from pytest_arbredis import topologies
    from pytest_arbredis.errors import ArbredisError
    from pytest_arbredis.topology.means import Means
    from pytest_arbredis.topology.pool import DeploymentPool

    spec = topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"})
    evidence = Evidence()
    for launcher in LAUNCHERS:
        with DeploymentPool(Means(launcher=launcher)) as pool:
            try:
                deployment = pool.take(spec)
            except ArbredisError as error:
                print(f"{launcher}: {error}")
                continue
            versions = f"Redis {deployment.described['redis']}, Toxiproxy {deployment.described['toxiproxy']}"
            evidence.origin[launcher] = f"{time.strftime('%Y-%m-%d', time.gmtime())}, {versions}, {spec}."
            for name, kind in sorted(FAULTS.items()):
                detail = _run(name, pool.take(replace(spec, power="power" in kind.nature.needs)))
                print(f"{launcher}: {name}: {detail}", flush=True)
                evidence.seen.setdefault(name, {})[launcher] = detail
    return evidence


def _run(name: str, deployment: Deployment) -> str:
    """Inject the example, and give what a probe saw of it."""
    import redis

    from pytest_arbredis.faults.nemesis import Nemesis
    from pytest_arbredis.history.recorder import Recorder
    from pytest_arbredis.history.records import Header
    from pytest_arbredis.topology.capabilities import lacking

    fault, target = example_of(name)
    if why := lacking(deployment, fault.nature.needs):
        return NOT_HERE + why
    host, port = deployment.primary().proxied
    with (
        tempfile.TemporaryDirectory() as folder,
        Recorder(Path(folder) / "history.jsonl", Header(run="docs", seed=1, subject="none")) as recorder,
        redis.Redis(host=host, port=port) as client,
        Nemesis(deployment, recorder) as nemesis,
    ):
        client.set("k", "v")  # there is somebody to meet it
        if fault.nature.ends:
            nemesis.inject(kind_of(fault.nature.ends[0])(), "primary")
        injection = nemesis.inject(fault, target)
        if injection.evidence is None:
            raise SystemExit(f"{name} on {target} was not observed ({deployment.launcher.name})")
        return injection.evidence.detail


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    keep = "no servers: keep the evidence that the page has, and write its words anew"
    parser.add_argument("--keep-evidence", action="store_true", help=keep)
    given = parser.parse_args(arguments)
    evidence = read(PAGE.read_text("utf-8")) if given.keep_evidence else gather()
    PAGE.write_text(render(evidence), "utf-8")


if __name__ == "__main__":
    main()
