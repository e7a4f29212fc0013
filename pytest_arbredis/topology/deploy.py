"""Starting a topology: directories and configurations, all servers in parallel, then formed and settled."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_arbredis.errors import ServerDiedError, UsageError
from pytest_arbredis.proxy.client import ToxiproxyClient
from pytest_arbredis.servers.launcher import ServerSpec
from pytest_arbredis.servers.login import Login
from pytest_arbredis.servers.ports import claim
from pytest_arbredis.servers.supervision import Supervisor
from pytest_arbredis.servers.toxiproxy import await_toxiproxy, config_json, toxiproxy_args
from pytest_arbredis.topology import formation
from pytest_arbredis.topology.attach import attach
from pytest_arbredis.topology.baseline import ACL_FILE, CONF
from pytest_arbredis.topology.deployment import Deployment
from pytest_arbredis.topology.means import AUTO, Chosen, Means, choose
from pytest_arbredis.topology.node import Node
from pytest_arbredis.topology.plan import LOOPBACK, Plan, check_version, directory_of, explained, plan_of, server_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.servers.launcher import Launcher, Server
    from pytest_arbredis.topology.node import Address
    from pytest_arbredis.topology.spec import Topology


def deploy(spec: Topology, means: Means = AUTO) -> Deployment:
    """A settled topology of real servers; a context manager that ends them.

    Nothing that it started stays behind if it fails half-way.
    """
    deployment = deploy_with(spec, choose(means))
    if why := deployment.suit(spec):
        deployment.close()
        raise UsageError(
            f"these servers are not {spec}: {why}", remedy="ask for what is there, or use another launcher"
        )
    return deployment


def deploy_with(spec: Topology, chosen: Chosen) -> Deployment:
    """The same, with launcher and binaries chosen before. What stands already is taken as it is."""
    if chosen.external is not None:
        return attach(chosen.external, why=chosen.why)
    with ExitStack() as undo:
        slot = undo.enter_context(claim(size=_ports_needed(spec, chosen)))
        supervisor = undo.enter_context(Supervisor())
        root = Path(tempfile.gettempdir()).absolute() / f"arbredis-{os.getpid()}-{secrets.token_hex(4)}"
        launcher = chosen.launcher(root, supervisor)
        undo.callback(launcher.close)
        described = _describe(spec, chosen, launcher)  # asks the binaries, while the supervisor starts
        check_version(spec, launcher)
        supervisor.remove_tree_on_exit(root)  # before it is there: so it never stays
        root.mkdir(mode=0o700)
        plan = plan_of(spec, chosen, launcher, slot=slot, root=root)
        deployment = _start(plan, launcher=launcher, described=described, undo=undo)
        formation.form(deployment)
        deployment.settled()
        deployment.take_baseline()
        deployment.ending = undo.pop_all().close
    return deployment


def _ports_needed(spec: Topology, chosen: Chosen) -> int:
    servers = spec.data_nodes + spec.sentinels
    return (3 if spec.tls else 2) * servers + 2 + len(chosen.ports)


def _start(plan: Plan, *, launcher: Launcher, described: Mapping[str, str], undo: ExitStack) -> Deployment:
    """Spawn everything in parallel and wait until each server answers and is ours."""
    nonce = f"{os.getpid()}-{secrets.token_hex(4)}"
    specs = [_toxiproxy(plan, nonce), *(server_spec(plan, name) for name in plan.names)]
    servers = {server.spec.name: server for server in launcher.launch(specs)}
    control = ToxiproxyClient((LOOPBACK, plan.control_port))
    undo.callback(control.close)
    await_toxiproxy(servers["toxiproxy"], control, nonce=nonce)
    nodes = [_node(plan, name, servers[name]) for name in plan.names]
    deployment = Deployment(
        plan.spec,
        nodes=tuple(node for node in nodes if node.name.startswith("n")),
        sentinels=tuple(node for node in nodes if node.name.startswith("s")),
        control=control,
        launcher=launcher,
        root=plan.root,
        spare_port=plan.spare_port,
        described=described,
        login=Login(password=plan.spec.password, ca=plan.tls.ca if plan.tls else None),
    )
    try:
        for node in nodes:
            deployment.await_answering(node)
    except ServerDiedError as error:
        raise explained(plan, error) from error
    return deployment


def _node(plan: Plan, name: str, server: Server) -> Node:
    """Sentinels let everybody in; the harness's user is that of the data nodes."""
    ca = plan.tls.ca if plan.tls else None
    harness = plan.harness if plan.harness and name.startswith("n") else Login()
    acl = server.spec.directory / ACL_FILE
    return Node(
        name=name,
        server=server,
        direct=plan.direct[name],
        proxied=plan.proxied[name],
        secure=plan.secure.get(name),
        login=replace(harness, ca=ca),
        conf_text=(server.spec.directory / CONF).read_text(),
        acl_text=acl.read_text() if acl.exists() else "",
    )


def _describe(spec: Topology, chosen: Chosen, launcher: Launcher) -> dict[str, str]:
    return {
        "topology": str(spec),
        "timing": spec.timing,
        "launcher": f"{launcher.name} ({chosen.why})",
        "redis": launcher.version("redis"),
        "toxiproxy": launcher.version("toxiproxy"),
    }


def _toxiproxy(plan: Plan, nonce: str) -> ServerSpec:
    """The proxy server, with a proxy for each node and one that names it as ours."""
    directory = directory_of(plan, "toxiproxy")
    config = directory / "proxies.json"
    links = {name: (_text(plan.proxied[name]), _text(plan.upstream(name))) for name in plan.names}
    config.write_text(config_json(links, nonce=nonce))
    args = toxiproxy_args(plan.control_port, config)
    return ServerSpec(name="toxiproxy", kind="toxiproxy", args=args, directory=directory, port=plan.control_port)


def _text(address: Address) -> str:
    return f"{address[0]}:{address[1]}"
