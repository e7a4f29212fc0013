"""Starting a topology: directories and configurations, all servers in parallel, then formed and settled."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_arbredis.proxy.client import ToxiproxyClient
from pytest_arbredis.servers.launcher import ServerSpec
from pytest_arbredis.servers.ports import PortSlot, claim
from pytest_arbredis.servers.redis import redis_conf
from pytest_arbredis.servers.sentinel import sentinel_conf
from pytest_arbredis.servers.supervision import Supervisor
from pytest_arbredis.servers.toxiproxy import await_toxiproxy, config_json, toxiproxy_args
from pytest_arbredis.topology import formation
from pytest_arbredis.topology.deployment import Deployment
from pytest_arbredis.topology.means import AUTO, Chosen, Means, choose
from pytest_arbredis.topology.node import Node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.servers.launcher import Launcher, Server
    from pytest_arbredis.topology.node import Address
    from pytest_arbredis.topology.spec import Topology

LOOPBACK = "127.0.0.1"


def deploy(spec: Topology, means: Means = AUTO) -> Deployment:
    """A settled topology of real servers; a context manager that ends them.

    Nothing that it started stays behind if it fails half-way.
    """
    return deploy_with(spec, choose(means))


def deploy_with(spec: Topology, chosen: Chosen) -> Deployment:
    """The same, with launcher and binaries chosen before."""
    with ExitStack() as undo:
        slot = undo.enter_context(claim(size=2 * (spec.data_nodes + spec.sentinels) + 2))
        supervisor = undo.enter_context(Supervisor())
        root = Path(tempfile.gettempdir()).absolute() / f"arbredis-{os.getpid()}-{secrets.token_hex(4)}"
        launcher = chosen.launcher(root, supervisor)
        undo.callback(launcher.close)
        described = _describe(spec, chosen, launcher)  # asks the binaries, while the supervisor starts
        supervisor.remove_tree_on_exit(root)  # before it is there: so it never stays
        root.mkdir(mode=0o700)
        deployment = _start(spec, launcher=launcher, slot=slot, root=root, described=described, undo=undo)
        formation.form(deployment)
        deployment.take_baseline()
        deployment.settled()
        deployment.ending = undo.pop_all().close
    return deployment


def _start(
    spec: Topology,
    *,
    launcher: Launcher,
    slot: PortSlot,
    root: Path,
    described: Mapping[str, str],
    undo: ExitStack,
) -> Deployment:
    """Spawn everything in parallel and wait until each server answers and is ours."""
    names = [f"n{index}" for index in range(spec.data_nodes)] + [f"s{index}" for index in range(spec.sentinels)]
    proxied: dict[str, Address] = {name: (LOOPBACK, slot.take()) for name in names}
    direct: dict[str, Address] = {name: (LOOPBACK, slot.take()) for name in names}
    control_port, spare_port = slot.take(), slot.take()
    nonce = f"{os.getpid()}-{secrets.token_hex(4)}"
    specs = [_toxiproxy(root, control_port, nonce, proxied, direct)]
    version = launcher.version("redis")
    specs += [_redis(spec, root, name, direct=direct[name], announced=proxied[name], version=version) for name in names]
    servers = {server.spec.name: server for server in launcher.launch(specs)}
    control = ToxiproxyClient((LOOPBACK, control_port))
    undo.callback(control.close)
    await_toxiproxy(servers["toxiproxy"], control, nonce=nonce)
    nodes = [_node(name, servers, direct, proxied) for name in names]
    deployment = Deployment(
        spec,
        nodes=tuple(node for node in nodes if node.name.startswith("n")),
        sentinels=tuple(node for node in nodes if node.name.startswith("s")),
        control=control,
        launcher=launcher,
        root=root,
        spare_port=spare_port,
        described=described,
    )
    for node in nodes:
        deployment.await_answering(node)
    return deployment


def _node(
    name: str, servers: Mapping[str, Server], direct: Mapping[str, Address], proxied: Mapping[str, Address]
) -> Node:
    return Node(name=name, server=servers[name], direct=direct[name], proxied=proxied[name])


def _describe(spec: Topology, chosen: Chosen, launcher: Launcher) -> dict[str, str]:
    return {
        "topology": str(spec),
        "timing": spec.timing,
        "launcher": f"{launcher.name} ({chosen.why})",
        "redis": launcher.version("redis"),
        "toxiproxy": launcher.version("toxiproxy"),
    }


def _text(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


def _directory(root: Path, name: str) -> Path:
    directory = root / name
    directory.mkdir()
    return directory


def _toxiproxy(
    root: Path, port: int, nonce: str, proxied: Mapping[str, Address], direct: Mapping[str, Address]
) -> ServerSpec:
    """The proxy server, with a proxy for each node and one that names it as ours."""
    directory = _directory(root, "toxiproxy")
    config = directory / "proxies.json"
    links = {name: (_text(proxied[name]), _text(direct[name])) for name in proxied}
    config.write_text(config_json(links, nonce=nonce))
    return ServerSpec(
        name="toxiproxy", kind="toxiproxy", args=toxiproxy_args(port, config), directory=directory, port=port
    )


def _redis(spec: Topology, root: Path, name: str, *, direct: Address, announced: Address, version: str) -> ServerSpec:
    """A data node or a Sentinel, announced at its proxy's address. Sentinels are told of the primary later."""
    directory = _directory(root, name)
    conf = directory / "redis.conf"
    if name.startswith("s"):
        conf.write_text(sentinel_conf(port=direct[1], directory=directory, announce=announced))
        return ServerSpec(
            name=name, kind="sentinel", args=(str(conf), "--sentinel"), directory=directory, port=direct[1]
        )
    conf.write_text(
        redis_conf(
            port=direct[1],
            directory=directory,
            announce=announced,
            replica_of=None,
            extra=dict(spec.conf),
            version=version,
        )
    )
    return ServerSpec(name=name, kind="redis", args=(str(conf),), directory=directory, port=direct[1])
