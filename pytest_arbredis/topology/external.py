"""A deployment of servers that somebody else started: the same handles, and no more done to them than is allowed.

With the right to destroy (safety.py) it is brought to what a scenario asks for, timing of the Sentinels and directives
of redis.conf, and back again at the end. Without it, only faults on links are possible.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import ArbredisError, HarnessError
from pytest_arbredis.proxy.foreign import OURS, ForeignControl
from pytest_arbredis.topology import safety
from pytest_arbredis.topology.deployment import Deployment
from pytest_arbredis.topology.node import Node, harness_client
from pytest_arbredis.topology.tuning import Tuning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import redis

    from pytest_arbredis.topology.capabilities import Capability
    from pytest_arbredis.topology.spec import Topology

HARMLESS: Final = frozenset({"proxies", "sentinels", "replicas"})
"""What a fault needs that acts on links only: nothing of the servers themselves is changed."""
NO_NAMES: Final = (
    "its subject keeps keys under names of its own, which are removed by a flush only; that needs "
    "--arbredis-allow-destructive (arbredis drill: --allow-destructive)"
)
WHOLE_WITHIN_S: Final = 30.0
"""Sentinels with their own timing look at a replica every ten seconds."""


class ExternalNode(Node):
    """A server that may speak TLS at its direct address too, because it has no other."""

    def connect(self, *, timeout_s: float = 1.0, text: bool = True) -> redis.Redis:
        """A further direct client of the harness's own."""
        return harness_client(self.direct, timeout_s=timeout_s, text=text, login=self.login)


class ExternalDeployment(Deployment):
    """Handles to servers of somebody else. `lacks` says why a capability is missing here."""

    may_destroy: bool = False
    _attached: bool = False
    lacks: Mapping[Capability, str] = {}

    def begin(self, *, may_destroy: bool, lacks: Mapping[Capability, str]) -> None:
        """Remember what was found, and take the right to destroy, if it was given, by the mark."""
        self.may_destroy = may_destroy
        self.lacks = dict(lacks)
        self._proxies = dict(self.control.proxies())
        self._tuning = Tuning(self)
        if may_destroy:  # it is whole sooner once the Sentinels are tuned: see `suit`
            safety.mark(self.primary().client)
        else:
            self.settled(within_s=WHOLE_WITHIN_S)
        self._attached = True

    def refuses(self, needs: Iterable[Capability]) -> str:
        """Why a fault with these needs is not possible here; empty if it is."""
        wanted = list(needs)
        if why := next((self.lacks[need] for need in wanted if need in self.lacks), ""):
            return why
        on_links = "proxies" in wanted and HARMLESS.issuperset(wanted)
        return "" if self.may_destroy or on_links else safety.NO_RIGHT

    def suit(self, wanted: Topology) -> str:
        """Bring it to what is asked for; why that is not possible, for people, or nothing."""
        if why := _unlike(wanted, self.spec, version=self.launcher.version("redis")):
            return why
        if why := self._tuning.bring(wanted, allowed=self.may_destroy):
            return why
        timing = wanted.timing if wanted.kind == "sentinel" else self.spec.timing  # others say nothing of Sentinels
        self.spec = replace(self.spec, timing=timing, conf=wanted.conf)
        self.described["timing"] = "fast" if self.sentinels and timing == "fast" else "as deployed"
        self.settled()
        return ""

    def await_answering(self, node: Node, *, within_s: float = 10.0) -> None:
        """Wait until this server answers, loading ended."""
        import redis

        def answers() -> str:
            try:
                return str(node.client.ping())
            except redis.RedisError:
                return ""

        wait_until(answers, within_s=within_s, what=f"{node.name} at {node.direct[0]}:{node.direct[1]} to answer")

    def proxies_differ(self) -> str:
        """The first proxy of our nodes that is not as it was found, or nothing."""
        states = self.control.proxies()
        for name, before in self._proxies.items():
            now = states.get(name)
            if now is None or (now.enabled, now.upstream) != (before.enabled, before.upstream):
                return f"the proxy of {name} is not as it was found: {now}"
            if ours := [toxic.name for toxic in now.toxics if toxic.name.startswith(OURS)]:
                return f"the proxy of {name} has the toxic {ours[0]}"
        return ""

    def restore_proxies(self) -> None:
        """Our toxics gone, proxies enabled, on the upstreams that they were found with."""
        self.control.reset()
        states = self.control.proxies()
        for name, before in self._proxies.items():
            now = states.get(name)
            if now is not None and now.upstream != before.upstream:
                self.control.set_upstream(name, before.upstream)

    def take_baseline(self) -> None:
        """Nothing: what is changed here is remembered when it is changed."""

    def _reset(self) -> None:
        """As found, without the keys of drills; with the right to destroy, without any. The present primary is n0."""
        if self.poisoned:
            raise HarnessError(f"the deployment is poisoned: {self.poisoned}", remedy="attach anew")
        if self.proxies_differ():
            self.restore_proxies()
        if "signals" not in self.lacks and self.may_destroy:
            for node in self.servers:
                self.revive(node)
        self.settled()
        self._name_anew()
        self.empty()
        if not self.may_destroy:
            for node in self.nodes:
                safety.require_no_foreign_data(node.direct, node.login)
        self.settled()

    def empty(self) -> None:
        """Everything away, and the mark there. Whoever has the right was found to lose nothing by it.

        Without the right there is nothing but keys of drills, and they go.
        """
        primary = self.primary().client
        if not self.may_destroy:
            safety.clear(primary)
            return
        primary.flushall()
        safety.mark(primary)

    def _name_anew(self) -> None:
        """Give the present primary the name n0, and the others theirs in the order that they had."""
        primary = self.primary()
        self.nodes = (primary, *(node for node in self.nodes if node is not primary))
        states = {node.name: self._proxies.get(node.name) for node in self.nodes}
        names = {f"n{index}": node for index, node in enumerate(self.nodes)}
        if isinstance(self.control, ForeignControl):
            self.control.rename({new: node.name for new, node in names.items()})
        for new, node in names.items():
            if (state := states[node.name]) is not None:
                self._proxies[new] = replace(state, name=new)
            node.name = new

    @contextlib.contextmanager
    def writing_under(self, prefix: str) -> Iterator[None]:
        """While a load writes under a prefix, its keys get an expiry time."""
        with safety.Lease(self, prefix):
            yield

    def refuses_names(self) -> str:
        """Without the right to destroy nothing is written that could not be told from what is somebody else's."""
        return "" if self.may_destroy else NO_NAMES

    def remove(self, prefix: str) -> None:
        """Remove the keys of a run."""
        import redis

        with contextlib.suppress(redis.RedisError, ArbredisError):  # they have an expiry time
            safety.clear(self.primary().client, prefix=prefix)

    def close(self) -> None:
        """Put back what was changed, remove what is ours, and let go. Idempotent."""
        import redis

        try:
            if self._attached:
                if self.proxies_differ():
                    self.restore_proxies()
                self._tuning.restore()
                safety.leave(self.primary().client)
        except redis.RedisError as error:
            raise HarnessError(
                f"the servers could not be left as they were found: {error}",
                remedy="see whether they run; keys of the drill expire by themselves",
            ) from error
        finally:
            self._attached = False
            super().close()


def _unlike(wanted: Topology, found: Topology, *, version: str) -> str:
    """Why these servers are not what is asked for; a single one is any primary."""
    if wanted.kind != "single":
        if wanted.kind != found.kind:
            return f"it asks for the topology {wanted.kind}, and these servers are {found.kind}"
        if wanted.replicas != found.replicas or wanted.sentinels > found.sentinels:
            return (
                f"it asks for {wanted.replicas} replicas and {wanted.sentinels} Sentinels, and there are "
                f"{found.replicas} and {found.sentinels}"
            )
    if wanted.version is not None and not version.startswith(wanted.version):
        return f"it asks for Redis {wanted.version}, and these servers are {version}"
    own = {"a password": wanted.password, "an ACL": wanted.acl, "TLS": wanted.tls, "data": wanted.load}
    asked = [name for name, value in own.items() if value]
    return f"it asks for {', '.join(asked)}, which these servers have of their own" if asked else ""
