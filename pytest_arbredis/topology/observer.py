"""An observer beside the load: replication offsets and Sentinels' events, asked directly, written to the history."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pytest_arbredis._clock import CLOCK, Clock

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    import redis

    from pytest_arbredis.history.recorder import Recorder
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

EVERY_S = 0.03
"""Pause between two looks at a node: with the look itself, at least 25 samples a second."""

LOOK_TIMEOUT_S = 0.2

EPOCH_LAST = ("+new-epoch", "+vote-for-leader")
"""Events whose last word is an epoch."""
BEFORE_A_CHOICE = ("+sdown", "+odown", "+try-failover")
"""Events after which a Sentinel may be about to choose a replica."""
VIEW = ("name", "flags", "runid", "slave-priority", "slave-repl-offset")


class Observer:
    """Samples every data node, each in a thread of its own, so that a frozen one does not blind us to the others."""

    def __init__(self, deployment: Deployment, recorder: Recorder, *, clock: Clock = CLOCK) -> None:
        self._deployment = deployment
        self._recorder = recorder
        self._clock = clock
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        for node in self._deployment.nodes:
            self._start(self._sample, node)
        for sentinel in self._deployment.sentinels:
            self._start(self._listen, sentinel)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(5)

    def _start(self, work: Any, node: Node) -> None:
        thread = threading.Thread(target=work, args=(node,), name=f"observer-{node.name}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _sample(self, node: Node) -> None:
        """INFO replication until stopped.

        A sample lies between `asked_ns` and `at_ns` (answered): what was acknowledged before it was asked is within its
        offset, what was invoked after it was answered is beyond.
        """
        import redis

        client = node.connect(timeout_s=LOOK_TIMEOUT_S)
        while not self._stop.wait(EVERY_S):
            asked_ns = self._clock.now_ns()
            try:
                info: dict[str, Any] = client.info("replication")
            except redis.RedisError:
                continue
            offset = "master_repl_offset" if info.get("role") == "master" else "slave_repl_offset"
            data = {
                "role": info.get("role"),
                "replid": info.get("master_replid"),
                "offset": info.get(offset),
                "replid2": info.get("master_replid2"),
                "second_offset": info.get("second_repl_offset"),
                "asked_ns": asked_ns,
            }
            self._recorder.event("replication", source=node.name, data=data)
        client.close()

    def _listen(self, sentinel: Node) -> None:
        """Every event that a Sentinel publishes, until stopped."""
        import redis

        client = sentinel.connect()
        while not self._stop.is_set():
            listener = client.pubsub(ignore_subscribe_messages=True)
            try:
                listener.psubscribe("*")
                while not self._stop.is_set():
                    message = listener.get_message(timeout=0.1)
                    if message is not None and not message["channel"].startswith("__"):
                        self._note(sentinel, str(message["channel"]), str(message["data"]))
                        if message["channel"] in BEFORE_A_CHOICE:
                            self._note_view(sentinel, client)
            except redis.RedisError:
                self._stop.wait(0.1)
            finally:
                listener.close()
        client.close()

    def _note(self, sentinel: Node, event: str, detail: str) -> None:
        data: dict[str, Any] = {"event": event, "detail": detail}
        words = detail.split()
        if event in EPOCH_LAST and words and words[-1].isdigit():
            data["epoch"] = int(words[-1])
        self._recorder.event("sentinel", source=sentinel.name, data=data)

    def _note_view(self, sentinel: Node, client: redis.Redis) -> None:
        """The replicas as this Sentinel sees them: what it chooses by, if it becomes the leader."""
        replicas = client.sentinel_slaves(self._deployment.master_name)
        view: list[Json] = [{key: replica.get(key) for key in VIEW} for replica in replicas]
        self._recorder.note(sentinel.name, {"kind": "sentinel-replicas", "replicas": view})
