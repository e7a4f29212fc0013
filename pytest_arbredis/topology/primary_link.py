"""One stable address that follows the primary, for programs that know no Sentinel.

A proxy of its own at the proxy engine leads to the *announced* address of the present primary: everything passes both
proxies, so a fault on the primary's link is felt here too. When another node is primary the upstream is switched, and
connections that are open end, as those of clients end when Sentinel reconfigures a node.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, cast

from pytest_arbredis.errors import ArbredisError
from pytest_arbredis.servers.ports import claim

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    import redis

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Address, Node

LOOPBACK: Final = "127.0.0.1"
NAME: Final = "primary"
"""Of the proxy, beside those of the nodes."""
EVERY_S: Final = 0.05
ASK_TIMEOUT_S: Final = 0.2
MOST_PROBLEMS: Final = 20


class PrimaryLink:
    """The address while entered; `note` is told of every switch, and of what went wrong.

    With Sentinels the primary is the node that most of those that answer name, once it says so itself; else the only
    node that says so. As long as there is none the link stays where it was.
    """

    def __init__(self, deployment: Deployment, *, note: Callable[[dict[str, Json]], None] = lambda _: None) -> None:
        self._deployment = deployment
        self._note = note
        self._stop = threading.Event()
        self._undo = ExitStack()
        self._to: Node | None = None
        self._clients: dict[str, redis.Redis] = {}
        self._address: Address | None = None
        self.problems: list[str] = []
        """What went wrong, each kind once, the first ones."""

    @property
    def address(self) -> Address:
        """Host and port; the same as long as this is entered."""
        if self._address is None:
            raise RuntimeError("a link to the primary is used before it is entered")
        return self._address

    @property
    def url(self) -> str:
        """`redis://host:port/0`, with who one is where that is asked for."""
        return self._deployment.login.url(self.address)

    @property
    def leads_to(self) -> str:
        """Name of the node that it leads to now."""
        return "" if self._to is None else self._to.name

    def __enter__(self) -> Self:
        deployment = self._deployment
        with ExitStack() as undo:
            slot = undo.enter_context(claim(size=1))
            self._address = (LOOPBACK, slot.take())
            self._to = deployment.primary()
            deployment.control.create(NAME, _text(self._address), _text(self._to.proxied))
            undo.callback(self._remove)
            for node in deployment.servers:
                self._clients[node.name] = node.connect(timeout_s=ASK_TIMEOUT_S)
                undo.callback(self._clients[node.name].close)
            thread = threading.Thread(target=self._follow, name="arbredis-primary-link", daemon=True)
            thread.start()
            undo.callback(thread.join, 10)
            undo.callback(self._stop.set)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def _remove(self) -> None:
        try:
            self._deployment.control.delete(NAME)
        except ArbredisError as error:  # the engine is gone, or was reset to what it had at its start
            self._problem(error)

    def _follow(self) -> None:
        while not self._stop.wait(EVERY_S):
            try:
                found = self._primary()
                if found is not None and found is not self._to:
                    self._deployment.control.set_upstream(NAME, _text(found.proxied))
                    self._to = found
                    self._note({"kind": "primary-link", "leads_to": found.name})
            except ArbredisError as error:
                self._problem(error)
            except Exception as error:  # noqa: BLE001 - the thread must go on; whoever waits for it is told why not
                self._problem(error)

    def _primary(self) -> Node | None:
        """The present primary, or None where that cannot be told now."""
        deployment = self._deployment
        if not deployment.sentinels:
            claiming = [node for node in deployment.nodes if self._is_primary(node)]
            return claiming[0] if len(claiming) == 1 else None
        named = Counter(address for sentinel in deployment.sentinels if (address := self._named_by(sentinel)))
        if not named:
            return None
        address, votes = named.most_common(1)[0]
        if 2 * votes <= named.total():
            return None
        found = next((node for node in deployment.nodes if node.proxied == address), None)
        return found if found is self._to or (found is not None and self._is_primary(found)) else None

    def _named_by(self, sentinel: Node) -> Address | None:
        import redis

        try:
            answer = self._clients[sentinel.name].sentinel_get_master_addr_by_name(self._deployment.master_name)
        except redis.RedisError:
            return None
        return (str(answer[0]), int(answer[1])) if isinstance(answer, tuple) else None

    def _is_primary(self, node: Node) -> bool:
        import redis

        try:
            answer = cast("list[object]", self._clients[node.name].execute_command("ROLE"))
        except redis.RedisError:
            return False
        return answer[0] == "master"

    def _problem(self, error: Exception) -> None:
        told = f"{type(error).__name__}: {error}"
        if told not in self.problems and len(self.problems) < MOST_PROBLEMS:
            self.problems.append(told)
            self._note({"kind": "primary-link-problem", "why": told})


def _text(address: Address) -> str:
    return f"{address[0]}:{address[1]}"
