"""Attaching to servers that somebody else started: found, known to hold nothing foreign, and only then taken."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import UsageError
from pytest_arbredis.proxy.client import ToxiproxyClient
from pytest_arbredis.proxy.foreign import OURS, ForeignControl
from pytest_arbredis.servers.external import (
    NOT_OURS,
    ExternalLauncher,
    ExternalServer,
    allowed_containers,
    published_ports,
)
from pytest_arbredis.servers.launcher import ServerSpec
from pytest_arbredis.servers.ports import claim
from pytest_arbredis.servers.supervision import Supervisor
from pytest_arbredis.topology import safety
from pytest_arbredis.topology.discover import discover
from pytest_arbredis.topology.external import WHOLE_WITHIN_S, ExternalDeployment, ExternalNode
from pytest_arbredis.topology.places import Places
from pytest_arbredis.topology.routes import Route, route
from pytest_arbredis.topology.settled import Look
from pytest_arbredis.topology.spec import Topology, TopologyKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.proxy.control import Control, ProxyState
    from pytest_arbredis.topology.capabilities import Capability
    from pytest_arbredis.topology.discover import Discovery
    from pytest_arbredis.topology.node import Node
    from pytest_arbredis.topology.places import Place
    from pytest_arbredis.topology.server_url import External, ServerUrl

TLS_ONLY: Final = "the servers are reached by TLS only, and the probes of links and processes do not speak it"
NO_CONTROL: Final = "no Toxiproxy before these servers is known; give --arbredis-control=URL (drill: --control)"


def attach(external: External, *, why: str) -> ExternalDeployment:
    """The servers that stand there, settled. Raises `UsageError`, having touched nothing, if they hold foreign data."""
    with ExitStack() as undo:
        real = None if external.control is None else ToxiproxyClient(external.control)
        if real is not None:
            undo.callback(real.close)
            _sweep(real)
        found = _complete(external)
        for one in found.data:
            safety.require_no_foreign_data(one.announced, external.where.login)
        undo.callback(_alone(found).release)
        proxies = {} if real is None else real.proxies()
        routes = _routes(external, found, proxies)
        slot = undo.enter_context(claim(size=1))
        supervisor = undo.enter_context(Supervisor())
        root = Path(tempfile.gettempdir()).absolute() / f"arbredis-{os.getpid()}-{secrets.token_hex(4)}"
        supervisor.remove_tree_on_exit(root)
        root.mkdir(mode=0o700)
        lack = _proxy_lack(external, routes)
        names = {name: one.proxy for name, one in routes.items() if one.proxy}
        control = ForeignControl(real, names, why=lack or NO_CONTROL)
        deployment = _deployment(external, found, routes, control=control, root=root, spare_port=slot.take(), why=why)
        lacks: dict[Capability, str] = {"proxies": lack} if lack else {}
        if any(one.container is None for one in routes.values()):
            lacks["signals"] = NOT_OURS
        if external.where.login.ca is not None:
            lacks |= {"proxies": lack or TLS_ONLY, "signals": TLS_ONLY}
        deployment.begin(may_destroy=external.allow_destructive, lacks=lacks)
        deployment.ending = undo.pop_all().close
    return deployment


def _sweep(control: Control) -> None:
    """Take away the toxics of a drill that was killed: they could keep us from finding anybody."""
    for proxy, state in control.proxies().items():
        for toxic in state.toxics:
            if toxic.name.startswith(OURS):
                control.remove_toxic(proxy, toxic.name)


def _complete(external: External) -> Discovery:
    """What stands, once it knows itself: Sentinels learn of each other and of replicas within some ten seconds."""
    seen: list[Discovery] = []

    def complete() -> Look:
        seen[:] = [discover(external.where)]
        return Look(seen[0].incomplete)

    wait_until(
        complete,
        within_s=WHOLE_WITHIN_S,
        every_s=0.25,
        what=f"servers at {external.where} that know each other",
        remedy="see that the primary has a replica, and that all of its Sentinels run",
    )
    return seen[0]


def _alone(found: Discovery) -> Place:
    """The place of the only drill on these servers: two would destroy each other's data."""
    identity = hashlib.sha256(repr(sorted(one.identity for one in found.data)).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"arbredis-external-{os.getuid()}" / identity
    place = Places(folder=folder, count=1).take()
    if place is None:
        raise UsageError(
            "another drill of this machine uses these servers now",
            remedy="wait until it has ended, a fixture of wider scope too; pytest-xdist: run without -n",
        )
    return place


def _routes(external: External, found: Discovery, proxies: Mapping[str, ProxyState]) -> dict[str, Route]:
    """The route to every server, by the name that it gets."""
    containers = allowed_containers()
    where = external.where
    host = external.control[0] if external.control is not None else ""
    published = {} if external.control is None else published_ports(external.control[1])
    lone = len(found.data) == 1 and not found.sentinels
    named = {f"n{index}": (one, where.login) for index, one in enumerate(found.data)}
    named |= {f"s{index}": (one, where.sentinel_login) for index, one in enumerate(found.sentinels)}
    return {
        name: route(
            one, login, proxies=proxies, control_host=host, published=published, containers=containers, lone=lone
        )
        for name, (one, login) in named.items()
    }


def _proxy_lack(external: External, routes: Mapping[str, Route]) -> str:
    """Why links cannot be acted on; empty if every data node has a proxy and a way past it."""
    if external.control is None:
        return NO_CONTROL
    return next((one.lack for name, one in routes.items() if name.startswith("n") and not one.proxy), "")


def _deployment(
    external: External,
    found: Discovery,
    routes: Mapping[str, Route],
    *,
    control: ForeignControl,
    root: Path,
    spare_port: int,
    why: str,
) -> ExternalDeployment:
    where = external.where
    nodes = {name: _node(name, one, root=root, where=where) for name, one in routes.items()}
    version = found.data[0].version
    launcher = ExternalLauncher({"redis": version, "sentinel": version, "toxiproxy": control.version()})
    spec = _spec_of(found, {name: node for name, node in nodes.items() if name.startswith("s")})
    deployment = ExternalDeployment(
        spec,
        nodes=tuple(node for name, node in nodes.items() if name.startswith("n")),
        sentinels=tuple(node for name, node in nodes.items() if name.startswith("s")),
        control=control,
        launcher=launcher,
        root=root,
        spare_port=spare_port,
        login=where.login,
        described={
            "topology": str(spec)
            .replace("fast timing", "timing as deployed")
            .replace("production timing", "as deployed"),
            "timing": "as deployed",
            "launcher": f"external ({why})",
            "redis": version,
            "toxiproxy": control.version(),
        },
    )
    deployment.master_name = found.master_name or deployment.master_name
    return deployment


def _node(name: str, one: Route, *, root: Path, where: ServerUrl) -> ExternalNode:
    directory = root / name
    directory.mkdir()
    sentinel = name.startswith("s")
    spec = ServerSpec(
        name=name, kind="sentinel" if sentinel else "redis", args=(), directory=directory, port=one.direct[1]
    )
    return ExternalNode(
        name=name,
        server=ExternalServer(spec, one.container),
        direct=one.direct,
        proxied=one.proxied,
        login=where.sentinel_login if sentinel else where.login,
    )


def _spec_of(found: Discovery, sentinels: Mapping[str, Node]) -> Topology:
    """What stands, as a topology; its timing is called `fast` only if it is that of ours."""
    replicas = len(found.data) - 1
    kind: TopologyKind = "sentinel" if sentinels else "replicated" if replicas else "single"
    quorum = 0
    for sentinel in sentinels.values():
        told = cast("dict[str, Any]", sentinel.client.sentinel_master(found.master_name))
        quorum = max(quorum, int(told["quorum"]))
    more: dict[str, Any] = {"timing": "production"} if sentinels else {}
    if sentinels and quorum != len(sentinels) // 2 + 1:
        more["sentinel_conf"] = (("quorum", str(quorum)),)
    return Topology(kind=kind, replicas=replicas, sentinels=len(sentinels), **more)
