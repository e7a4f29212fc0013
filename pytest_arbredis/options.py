"""Options of the plugin: where they are declared, how they are read, in which order they win.

Marker or factory, then option, then `ARBREDIS_*` variable, then ini.
"""

from __future__ import annotations

import itertools
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.load.protocol import Subject
    from pytest_arbredis.session import Arbredis
    from pytest_arbredis.topology.means import Means
    from pytest_arbredis.views.topology import TopologyView

SESSION: pytest.StashKey[Arbredis] = pytest.StashKey()
"""Where the configuration keeps the session's harness."""
ITEM: pytest.StashKey[pytest.Item] = pytest.StashKey()
"""Where the configuration keeps the present test."""
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
    known: tuple[str, ...] = ()
    """The only values that it takes; none: it takes any."""
    repeatable: bool = False
    """It is given once for each value; a variable and an ini value separate them by commas or spaces."""
    switch: bool = False
    """On the command line it takes no value and means `yes`."""

    @property
    def flag(self) -> str:
        """As on the command line."""
        return f"--arbredis-{self.name}"

    @property
    def key(self) -> str:
        """As in an ini file, and as pytest's destination."""
        return "arbredis_" + self.name.replace("-", "_")


MARKERS = (
    (
        "arbredis(topology='sentinel', replicas=2, sentinels=3, timing='fast', launcher=…, proxy=…, version=…, "
        "conf={…}|path, sentinel_conf={…}, password=…, acl=path, tls=False, load=callable|path, power=False): "
        "the Redis topology that this test's fixtures run on"
    ),
    (
        "latency_budget(name, p50_ms=…, p95_ms=…, p99_ms=…): the operations of that name that redis_client records in "
        "the test, at least 10 000, are answered within these times"
    ),
)

KEEPS = ("failed", "all", "none")
INCONCLUSIVE = ("fail", "skip")

OPTIONS = (
    Option("launcher", "auto (default), docker, process or external"),
    Option("proxy", "auto (default) or toxiproxy"),
    Option("subject", "pkg.mod:factory of the subject that every scenario of arbredis.run is run with"),
    Option("redis-bin", "path of the redis-server to run as processes"),
    Option("redis-image", "container image of Redis"),
    Option("toxiproxy-image", "container image of Toxiproxy"),
    Option("port", "ROLE=N, a fixed port for the proxied address of a role or node; repeatable", repeatable=True),
    Option("url", "servers that somebody else started: redis://…, rediss://…, redis+sentinel://h1:26379,h2:26379/name"),
    Option("control", "URL of the Toxiproxy before them, http://host:8474"),
    Option("allow-destructive", "what those servers hold may be destroyed", known=("no", "yes"), switch=True),
    Option("seed", "seed of all chance; printed with each failure"),
    Option("runs-dir", "folder of the runs' folders (default .arbredis/runs under rootdir)"),
    Option("keep", "runs' folders to keep: failed and the last ten (default), all or none", known=KEEPS),
    Option("inconclusive", "a guarantee that stays undecided: fail (default) or skip", known=INCONCLUSIVE),
)


def add_options(parser: pytest.Parser) -> None:
    """Declare every option on the command line and in ini files."""
    group = parser.getgroup("arbredis", "drills for state kept in Redis")
    for option in OPTIONS:
        how: dict[str, Any] = {"action": "append" if option.repeatable else "store", "metavar": "VALUE"}
        if option.switch:
            how = {"action": "store_const", "const": "yes"}
        group.addoption(option.flag, dest=option.key, default=None, help=option.help, **how)
        parser.addini(option.key, option.help, default=None)


def read(config: pytest.Config, name: str) -> str | None:
    """The value of an option: command line, variable, ini; None if it is nowhere. An empty variable is none."""
    option = next(option for option in OPTIONS if option.name == name)
    given: str | list[str] | None = config.getoption(option.key, default=None)
    if given is not None:
        return ",".join(given) if isinstance(given, list) else given
    return os.environ.get(option.key.upper()) or config.getini(option.key) or None


def choice(config: pytest.Config, name: str) -> str:
    """The value of an option that takes only some; the first of them by default."""
    option = next(option for option in OPTIONS if option.name == name)
    value = read(config, name)
    if value is not None and value not in option.known:
        raise UsageError.unknown(f"value of {option.flag}", value, option.known)
    return option.known[0] if value is None else value


def ports_of(config: pytest.Config) -> tuple[tuple[str, int], ...]:
    """Fixed ports by role or node, sorted: `primary=6379,s0=26379`."""
    from pytest_arbredis.topology.fixed_ports import parse_ports

    given = read(config, "port")
    return () if given is None else parse_ports((given,), flag="--arbredis-port")


def means_of(config: pytest.Config) -> Means:
    """Launcher, proxy, binaries and images as asked for; a usage error for a value that nobody knows."""
    from pytest_arbredis.topology.means import Means

    values: dict[str, Any] = {
        "redis_bin": read(config, "redis-bin"),
        "redis_image": read(config, "redis-image"),
        "toxiproxy_image": read(config, "toxiproxy-image"),
        "url": read(config, "url"),
        "control": read(config, "control"),
        "allow_destructive": choice(config, "allow-destructive") == "yes",
    }
    if ports := ports_of(config):
        values["ports"] = ports
    for name in ("launcher", "proxy"):
        if (value := read(config, name)) is not None:
            values[name] = value
    return Means(**values)


def check(config: pytest.Config) -> None:
    """Refuse a wrong value before anything is collected."""
    if any(
        read(config, name) is not None for name in ("launcher", "proxy", "port", "url", "control", "allow-destructive")
    ):
        means_of(config)
    for option in OPTIONS:
        if option.known:
            choice(config, option.name)
    if read(config, "seed") is not None:
        seed_of(config)
    if (given := read(config, "redis-bin")) is not None:
        from pytest_arbredis.servers.redis import find_redis

        find_redis(given)
    if runs_dir_of(config).is_file():
        raise UsageError(f"--arbredis-runs-dir={read(config, 'runs-dir')!r} is a file", remedy="give a folder")
    subject_of(config)


def header(config: pytest.Config) -> str | None:
    """A header line: with -v, or where an option is not at its default; else none."""
    given = [
        f"{option.name} {_shown(option.name, value)}"
        for option in OPTIONS
        if (value := read(config, option.name)) is not None
    ]
    if not given and config.get_verbosity() < 1:
        return None
    drawn = [] if read(config, "seed") is not None else [f"seed {seed_of(config)}"]
    return "arbredis: " + ", ".join(given + drawn)


def _shown(name: str, value: str) -> str:
    """A value for people: a URL without its password."""
    if name != "url":
        return value
    from pytest_arbredis.topology.server_url import parse_url

    return str(parse_url(value))


def chosen_of(config: pytest.Config) -> list[str]:
    """The launcher of what was deployed, and why, in this process and in xdist's workers."""
    session = config.stash.get(SESSION, None)
    own = session.used if session is not None else []
    return own + config.stash.get(CHOSEN, [])


def begin(item: pytest.Item) -> None:
    """Forget what an earlier test, or an earlier attempt of this one, had."""
    item.config.stash[ITEM] = item
    if VIEW in item.stash:
        del item.stash[VIEW]
    if (session := item.config.stash.get(SESSION, None)) is not None:
        session.begin()


def has_told(reporter: pytest.TerminalReporter) -> bool:
    """Whether the report of any test, in whatever worker, carries something of ours; workers do not sum up."""
    if hasattr(reporter.config, "workerinput"):
        return False
    reports = itertools.chain.from_iterable(reporter.stats.values())
    return any(name.startswith("arbredis_") for report in reports for name in getattr(report, "__dict__", ()))


def story_of(item: pytest.Item) -> str:
    """What the servers of a test went through; empty if it had none."""
    session = item.config.stash.get(SESSION, None)
    if session is None:
        return ""
    return "\n\n".join([*(view.story() for view in session.views_of(item)), *session.stories()])


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


def subject_of(config: pytest.Config) -> Subject | None:
    """What `--arbredis-subject` names, made by its factory; None where it is not given."""
    name = read(config, "subject")
    if name is None:
        return None
    from pytest_arbredis.subjects.by_name import subject_named

    return subject_named(name)
