"""Options and markers of the plugin: where they are declared, how they are read, in which order they win.

Marker, then option, then `ARBREDIS_*` variable, then ini.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis, TopologyView
    from pytest_arbredis.topology.means import Means
    from pytest_arbredis.topology.spec import Topology

MARKER = (
    "arbredis(topology='sentinel', replicas=2, sentinels=3, timing='fast', conf={}): the Redis topology that this "
    "test's fixtures run on"
)
MARKER_ARGUMENTS = ("topology", "replicas", "sentinels", "timing", "conf")


SESSION: pytest.StashKey[Arbredis] = pytest.StashKey()
"""Where the configuration keeps the session's harness."""
VIEW: pytest.StashKey[TopologyView] = pytest.StashKey()
"""Where a test keeps its topology, for the hooks."""
SEED: pytest.StashKey[int] = pytest.StashKey()
"""Where the configuration keeps the seed that was drawn."""
CHOSEN: pytest.StashKey[list[str]] = pytest.StashKey()
"""Where the configuration keeps what xdist's workers deployed with."""


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: `--arbredis-NAME`, `ARBREDIS_NAME`, ini `arbredis_name`."""

    name: str
    help: str

    @property
    def flag(self) -> str:
        """As on the command line."""
        return f"--arbredis-{self.name}"

    @property
    def key(self) -> str:
        """As in an ini file, and as pytest's destination."""
        return "arbredis_" + self.name.replace("-", "_")


OPTIONS = (
    Option("launcher", "auto (default), docker or process"),
    Option("proxy", "auto (default) or toxiproxy"),
    Option("redis-bin", "path of the redis-server to run as processes"),
    Option("redis-image", "container image of Redis"),
    Option("toxiproxy-image", "container image of Toxiproxy"),
    Option("seed", "seed of all chance; printed with each failure"),
    Option("runs-dir", "folder of the runs' folders (default .arbredis/runs under rootdir)"),
)


def add_options(parser: pytest.Parser) -> None:
    """Declare every option on the command line and in ini files."""
    group = parser.getgroup("arbredis", "drills for state kept in Redis")
    for option in OPTIONS:
        group.addoption(option.flag, dest=option.key, default=None, metavar="VALUE", help=option.help)
        parser.addini(option.key, option.help, default=None)


def read(config: pytest.Config, name: str) -> str | None:
    """The value of an option: command line, variable, ini; None if it is nowhere. An empty variable is none."""
    option = next(option for option in OPTIONS if option.name == name)
    given: str | None = config.getoption(option.key, default=None)
    return given if given is not None else os.environ.get(option.key.upper()) or config.getini(option.key) or None


def means_of(config: pytest.Config) -> Means:
    """Launcher, proxy, binaries and images as asked for; a usage error for a value that nobody knows."""
    from pytest_arbredis.topology.means import Means

    values: dict[str, Any] = {
        "redis_bin": read(config, "redis-bin"),
        "redis_image": read(config, "redis-image"),
        "toxiproxy_image": read(config, "toxiproxy-image"),
    }
    for name in ("launcher", "proxy"):
        if (value := read(config, name)) is not None:
            values[name] = value
    return Means(**values)


def check(config: pytest.Config) -> None:
    """Refuse a wrong value before anything is collected."""
    if read(config, "launcher") is not None or read(config, "proxy") is not None:
        means_of(config)
    if read(config, "seed") is not None:
        seed_of(config)


def header(config: pytest.Config) -> str | None:
    """A header line: with -v, or where an option is not at its default; else none."""
    given = [f"{option.name} {value}" for option in OPTIONS if (value := read(config, option.name)) is not None]
    if not given and config.get_verbosity() < 1:
        return None
    drawn = [] if read(config, "seed") is not None else [f"seed {seed_of(config)}"]
    return "arbredis: " + ", ".join(given + drawn)


def chosen_of(config: pytest.Config) -> list[str]:
    """The launcher of what was deployed, and why, in this process and in xdist's workers."""
    session = config.stash.get(SESSION, None)
    own = [session.chosen] if session is not None and session.pool.used else []
    return own + config.stash.get(CHOSEN, [])


def story_of(item: pytest.Item) -> str:
    """What the servers of a test went through; empty if it had none."""
    view, session = item.stash.get(VIEW, None), item.config.stash.get(SESSION, None)
    parts = [view.story()] if view is not None else []
    if session is not None:
        parts += session.stories()
    return "\n\n".join(parts)


def seed_of(config: pytest.Config) -> int:
    """The seed of this session: the one given, else drawn once and shared with xdist's workers."""
    given = read(config, "seed")
    if given is not None:
        if not given.isdecimal():
            raise UsageError(f"--arbredis-seed={given!r}", remedy="use a whole number, 0 or more")
        return int(given)
    shared = getattr(config, "workerinput", {}).get("arbredis_seed")
    if shared is not None:
        return int(shared)
    if SEED not in config.stash:
        config.stash[SEED] = random.randrange(2**31)
    return config.stash[SEED]


def runs_dir_of(config: pytest.Config) -> Path:
    """Where runs are kept: as given, else `.arbredis/runs` under rootdir."""
    given = read(config, "runs-dir")
    return Path(given).absolute() if given else config.rootpath / ".arbredis" / "runs"


def topology_of(item: pytest.Item) -> Topology:
    """What the test's marker asks for; without one a Sentinel topology with 2 replicas and 3 Sentinels."""
    from pytest_arbredis.topology.spec import KINDS, sentinel, single

    asked: dict[str, Any] = {}
    for marker in item.iter_markers("arbredis"):
        if marker.args:
            raise UsageError(f"the marker arbredis{marker.args!r} has positional arguments", remedy="name them")
        for name, value in marker.kwargs.items():
            if name not in MARKER_ARGUMENTS:
                raise UsageError.unknown("argument of the marker arbredis", name, MARKER_ARGUMENTS)
            asked.setdefault(name, value)
    kind = asked.pop("topology", "sentinel")
    if kind == "sentinel":
        return sentinel(**asked)
    if kind == "single":
        surplus = [name for name in asked if name != "conf"]
        if surplus:
            raise UsageError(
                f"the marker arbredis(topology='single') takes no {', '.join(surplus)}", remedy="leave them out"
            )
        return single(**asked)
    raise UsageError.unknown("topology", kind, KINDS)
