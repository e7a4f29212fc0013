"""What every data node counted: INFO commandstats, asked directly, into the history.

A line of the history is `{"kind": "commandstats", "node": "n0", "asked_ns": 1, "run": "…", "role": "master", "calls":
{"GET": 7}, "ours": {}}`: how many commands of each name had arrived since the server's process `run` started, executed
or refused, and how many of that name this process's harness had sent to any server. Without `run` nobody listened.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pytest_arbredis._clock import CLOCK, Clock
from pytest_arbredis.topology.own_commands import SENT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from pytest_arbredis.history.recorder import Recorder
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

EVERY_S: Final = 0.02
TIMEOUT_S: Final = 0.3
_PREFIX: Final = "cmdstat_"
_SECTIONS: Final = ("server", "replication", "commandstats")


class CommandCounts:
    """Counts on every data node while entered; has looked at each once when it returns from there."""

    def __init__(self, deployment: Deployment, recorder: Recorder, *, clock: Clock = CLOCK) -> None:
        self._looks = [_Looking(node, recorder, clock) for node in deployment.nodes]

    def __enter__(self) -> Self:
        for look in self._looks:
            look.thread.start()
        for look in self._looks:
            look.looked.wait(2)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for look in self._looks:
            look.stop.set()
        for look in self._looks:
            look.thread.join(5)


class _Looking:
    """One node. Looks that say nothing new are left out, but for the last one before a change."""

    def __init__(self, node: Node, recorder: Recorder, clock: Clock) -> None:
        self._node = node
        self._recorder = recorder
        self._clock = clock
        self._told: dict[str, Json] | None = None
        self._same: tuple[dict[str, Json], int] | None = None
        self.looked = threading.Event()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._look, name=f"commandstats-{node.name}", daemon=True)

    def _look(self) -> None:
        import redis

        client = self._node.connect(timeout_s=TIMEOUT_S)
        while True:
            asked_ns = self._clock.now_ns()
            try:
                asking = client.pipeline(transaction=False)
                for section in _SECTIONS:
                    asking.info(section)
                server, replication, stats = asking.execute()
            except redis.RedisError as error:
                if _is_refused(error):
                    self._tell({}, asked_ns)
                elif isinstance(error, redis.ResponseError):
                    self._note({"kind": "commandstats-refused", "why": str(error)}, asked_ns)
                    break
            else:
                told: dict[str, Json] = {
                    "run": str(server["run_id"]),
                    "role": str(replication["role"]),
                    "calls": arrived(stats),
                    "ours": {**SENT},
                }
                self._tell(told, asked_ns)
            self.looked.set()
            if self.stop.wait(EVERY_S):
                break
        self._tell_same()
        self.looked.set()
        client.close()

    def _tell(self, told: dict[str, Json], asked_ns: int) -> None:
        at_ns = self._clock.now_ns()
        data: dict[str, Json] = {"kind": "commandstats", "node": self._node.name, "asked_ns": asked_ns, **told}
        if told == self._told:
            self._same = (data, at_ns)
            return
        self._tell_same()
        self._told = told
        self._note(data, at_ns)

    def _tell_same(self) -> None:
        same, self._same = self._same, None
        if same is not None:
            self._note(*same)

    def _note(self, data: dict[str, Json], at_ns: int) -> None:
        self._recorder.event("note", source=self._node.name, data=data, at_ns=at_ns)


def arrived(stats: Mapping[str, Any]) -> dict[str, Json]:
    """How many commands of each name arrived, refused ones too (`rejected_calls`, from Redis 6.2 on).

    Those that connections and looks make all the time are left out: INFO, CLIENT and CONFIG, PING and REPLCONF.
    """
    found: Counter[str] = Counter()
    for key, told in stats.items():
        name = key.removeprefix(_PREFIX).partition("|")[0].upper()
        if key.startswith(_PREFIX) and name not in _ALL_THE_TIME:
            found[name] += int(told.get("calls", 0)) + int(told.get("rejected_calls", 0))
    return {**found}


_ALL_THE_TIME: Final = frozenset({"AUTH", "CLIENT", "CONFIG", "INFO", "PING", "PUBLISH", "REPLCONF", "ROLE", "SELECT"})


def _is_refused(error: BaseException) -> bool:
    """Whether nobody listens there any more: the process has ended."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
