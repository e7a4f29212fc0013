"""What will stand where: ports, logins, certificates, and the configuration of every server."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_arbredis.errors import HarnessError, MissingBinaryError, ServerDiedError, UsageError
from pytest_arbredis.servers import sync_ledger
from pytest_arbredis.servers.certificates import TlsFiles, make
from pytest_arbredis.servers.conf_file import acl_users
from pytest_arbredis.servers.launcher import ServerSpec
from pytest_arbredis.servers.login import Login, acl_line, harness_login
from pytest_arbredis.servers.redis import redis_conf
from pytest_arbredis.servers.sentinel import sentinel_conf
from pytest_arbredis.servers.sync_ledger_build import find_library
from pytest_arbredis.topology.baseline import ACL_FILE, CONF
from pytest_arbredis.topology.fixed_ports import fixed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_arbredis.errors import ArbredisError
    from pytest_arbredis.servers.launcher import Launcher
    from pytest_arbredis.servers.ports import PortSlot
    from pytest_arbredis.topology.means import Chosen
    from pytest_arbredis.topology.node import Address
    from pytest_arbredis.topology.spec import Topology

LOOPBACK = "127.0.0.1"
WITHOUT_TLS = (">>> 'tls-", "Failed finding TLS support")
"""What a redis-server says that was built without TLS: up to 7.2, and later."""
REFUSED = ("FATAL CONFIG FILE ERROR", "Unresolved Configuration(s) Detected")
"""What it says of a directive that it does not know, or a value that it does not take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where the servers of a topology will listen, and how one gets in.

    By name of node: `proxied` is announced, `direct` is plain, `secure` speaks TLS where TLS is asked for. `harness` is
    the user of the harness, replicas and Sentinels on guarded data nodes.
    """

    spec: Topology
    root: Path
    version: str
    proxied: Mapping[str, Address]
    direct: Mapping[str, Address]
    secure: Mapping[str, Address] = field(default_factory=dict)
    control_port: int
    spare_port: int
    harness: Login | None = None
    tls: TlsFiles | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Data nodes, then Sentinels."""
        return tuple(self.direct)

    def upstream(self, name: str) -> Address:
        """Where the proxy of a node leads."""
        return self.secure.get(name, self.direct[name])


def plan_of(spec: Topology, chosen: Chosen, launcher: Launcher, *, slot: PortSlot, root: Path) -> Plan:
    """The plan of a deployment in `root`, on ports of the slot but for those that were fixed."""
    names = [f"n{index}" for index in range(spec.data_nodes)] + [f"s{index}" for index in range(spec.sentinels)]
    asked = fixed(chosen.ports, names)
    ports = _beside(slot, frozenset(asked.values()))
    return Plan(
        spec=spec,
        root=root,
        version=launcher.version("redis"),
        proxied={name: (LOOPBACK, asked.get(name) or next(ports)) for name in names},
        direct={name: (LOOPBACK, next(ports)) for name in names},
        secure={name: (LOOPBACK, next(ports)) for name in names} if spec.tls else {},
        control_port=next(ports),
        spare_port=next(ports),
        harness=harness_login() if spec.is_guarded else None,
        tls=(make(root / "tls") if spec.tls is True else spec.tls) or None,
    )


def _beside(slot: PortSlot, taken: frozenset[int]) -> Iterator[int]:
    """The ports of a slot that were not asked for."""
    while True:
        if (port := slot.take()) not in taken:
            yield port


def check_version(spec: Topology, launcher: Launcher) -> None:
    """Refuse another version of Redis than the topology wants: '7' fits 7.0.15, '7.0.1' does not."""
    there = launcher.version("redis")
    if spec.version is not None and there.split(".")[: len(wanted := spec.version.split("."))] != wanted:
        raise UsageError(
            f"version={spec.version!r} is wanted, and the launcher {launcher.name!r} has Redis {there}",
            remedy="give another one by --arbredis-redis-bin or --arbredis-redis-image, or leave the version out",
        )


def directory_of(plan: Plan, name: str) -> Path:
    """A new directory for a server."""
    directory = plan.root / name
    directory.mkdir()
    return directory


def server_spec(plan: Plan, name: str) -> ServerSpec:
    """A data node or a Sentinel, announced at its proxy's address. Sentinels are told of the primary later."""
    directory = directory_of(plan, name)
    port = plan.direct[name][1]
    tls = None if plan.tls is None else (plan.secure[name][1], _own_files(plan.tls, directory))
    conf = directory / CONF
    if name.startswith("s"):
        conf.write_text(
            sentinel_conf(
                port=port, directory=directory, announce=plan.proxied[name], extra=plan.spec.sentinel_conf, tls=tls
            )
        )
        return ServerSpec(name=name, kind="sentinel", args=(str(conf), "--sentinel"), directory=directory, port=port)
    conf.write_text(
        redis_conf(
            port=port,
            directory=directory,
            announce=plan.proxied[name],
            replica_of=None,
            extra=plan.spec.conf,
            version=plan.version,
            password=plan.spec.password,
            harness=plan.harness,
            acl_file=_own_acl(plan, directory),
            tls=tls,
        )
    )
    env = ledger_env(directory) if plan.spec.power else ()
    return ServerSpec(name=name, kind="redis", args=(str(conf),), directory=directory, port=port, env=env)


def ledger_env(directory: Path) -> tuple[tuple[str, str], ...]:
    """The environment in which a server notes what it syncs; none where the library for that is not here."""
    try:
        return sync_ledger.prepare(directory, find_library())
    except MissingBinaryError:
        return ()


def _own_files(files: TlsFiles, directory: Path) -> TlsFiles:
    """Copies in the server's directory, the only one that a container sees."""
    own = TlsFiles(cert=directory / "redis.crt", key=directory / "redis.key", ca=directory / "ca.crt")
    for source, target in ((files.cert, own.cert), (files.key, own.key), (files.ca, own.ca)):
        shutil.copyfile(source, target)
        target.chmod(0o600)
    return own


def _own_acl(plan: Plan, directory: Path) -> Path | None:
    """The ACL file with the harness's user, in the server's directory."""
    if plan.spec.acl is None or plan.harness is None:
        return None
    path = directory / ACL_FILE
    path.write_text("\n".join([*acl_users(plan.spec.acl), acl_line(plan.harness)]) + "\n")
    return path


def explained(plan: Plan, error: ServerDiedError) -> ArbredisError:
    """The caller's mistake, where a server that ended at its start says that it was one."""
    said = error.cause
    if plan.spec.acl is not None and "ACL" in said:
        return UsageError(f"Redis {plan.version} refuses the ACL file {plan.spec.acl}: {said}", remedy="mend that file")
    if plan.tls is not None and any(sign in said for sign in WITHOUT_TLS):
        remedy = "use one that was (Debian's is): --arbredis-redis-bin, --arbredis-redis-image"
        return HarnessError(f"this Redis {plan.version} was built without TLS", remedy=remedy)
    if any(sign in said for sign in REFUSED):
        cause = f"Redis {plan.version} refuses its configuration: {said}"
        return ServerDiedError(cause, remedy="mend conf= or sentinel_conf= of the topology")
    return error
