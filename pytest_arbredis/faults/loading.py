"""Loading: the server is restarted with a data set that takes seconds to load, and answers -LOADING meanwhile."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import HarnessError, UsageError
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature

if TYPE_CHECKING:
    from pathlib import Path

    import redis

    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

FILLER = "arbredis:loading"
KEYS_PER_S = 4000
BATCH = 1000
EVENTS_BYTES = 1024
"""So much is loaded between two looks at the connections: some 40 keys, 10 ms. Redis takes no less."""
NAP_US = 60
"""What the shortest sleep takes, and what the kernel adds to a longer one."""
DELAY, EVENTS, PREAMBLE = "key-load-delay", "loading-process-events-interval-bytes", "aof-use-rdb-preamble"
WITHIN_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """The target is shut down properly and started again; loading its data takes about `seconds`.

    A real restart with real files: some thousand small keys of ours are added, and Redis waits at each key that it
    loads (`key-load-delay`). What was in memory is saved before, also where nothing is persisted otherwise.
    Sentinels hold -LOADING for a sign of life and promote nobody, however long it takes.
    Healed by loading the rest at once and removing our keys; the settings are restored in the server and in its file.
    """

    name: ClassVar[str] = "loading"
    nature: ClassVar[Nature] = Nature(
        client_sees="connections end; new ones are refused for a moment, then every command with LOADING; no failover",
        seen_by="a PING over a new connection is refused with LOADING, and INFO says how much is loaded",
        example='faults.loading("primary", seconds=3)',
        needs=("signals",),
        cuts=True,
        observed_within_s=5.0,
    )

    seconds: int = 3

    def __post_init__(self) -> None:
        """Refuse what would be over before it is seen, or fill the disk."""
        if type(self.seconds) is not int or not 1 <= self.seconds <= 60:
            raise UsageError(f"loading of seconds={self.seconds!r}", remedy="use 1 to 60 whole seconds")

    def inject(self, site: Site) -> Undo:
        """Give each target enough to load, slow its loading down by its file, and restart it."""
        undos: list[Undo] = []
        undo = undoing_all(undos)
        try:
            for node in site.nodes:
                restart = _Restart(site.deployment, node)
                undos.append(restart.heal)
                restart.prepare(self.seconds)
                restart.begin()
        except BaseException:
            undo()
            raise
        return undo

    def observe(self, site: Site) -> str:
        """A PING over a new connection to each target is refused with LOADING, and INFO says how much is loaded."""
        seen = []
        for node in site.nodes:
            told = _refused_with_loading(node)
            info = told and _persistence(node)
            if not info or not info.get("loading"):
                return ""
            percent = float(info.get("loading_loaded_perc", 0))
            seen.append(f"{node.name}: answers LOADING to a PING, {percent:.0f} % of its data loaded")
        return "; ".join(seen)


class _Restart:
    """Of one node: what was, what is to be loaded, and the way back."""

    def __init__(self, deployment: Deployment, node: Node) -> None:
        self._deployment = deployment
        self._node = node
        self._persists = _get(node.client, "appendonly") == "yes"
        self._settings = {name: _get(node.client, name) for name in (DELAY, EVENTS, PREAMBLE)}
        if not self._settings[EVENTS]:
            raise UsageError(
                f"{node.name} would not answer while it loads: its Redis does not know {EVENTS}",
                remedy="use Redis 7.0 or newer",
            )
        self._snapshot = node.server.spec.directory / _get(node.client, "dbfilename")
        self._had_snapshot = self._snapshot.exists()

    def prepare(self, seconds: int) -> None:
        """Enough keys in the target, the delay at each, and both in its files."""
        client = self._node.client
        more = max(0, seconds * KEYS_PER_S - _keys(client))
        _fill(self._deployment.primary().client, more)
        wait_until(
            lambda: _keys(client) >= min(more, seconds * KEYS_PER_S),
            within_s=WITHIN_S,
            what=f"keys of ours in {self._node.name}",
        )
        delay = key_load_delay(seconds, _keys(client))
        for name, value in ((PREAMBLE, "yes"), (EVENTS, EVENTS_BYTES), (DELAY, delay)):
            client.config_set(name, value)
        if _get(client, DELAY) != str(delay):
            raise HarnessError(f"{self._node.name} did not take {DELAY} {delay}", remedy="see its log")
        client.config_rewrite()
        if self._persists:  # commands that are replayed one by one would leave the connections alone for a second
            client.bgrewriteaof()
            wait_until(lambda: _rewritten(self._node), within_s=WITHIN_S, what=f"the new files of {self._node.name}")

    def begin(self) -> None:
        """Shut down, saving everything, and start."""
        import redis

        node = self._node
        with contextlib.suppress(redis.ConnectionError):  # its way to say yes
            node.client.execute_command("SHUTDOWN", "NOSAVE" if self._persists else "SAVE", "NOW", "FORCE")
        wait_until(lambda: not node.is_running, within_s=WITHIN_S, what=f"the shutdown of {node.name}")
        node.server.start()

    def heal(self) -> None:
        """Loaded, without our keys, with the settings that it had. Idempotent."""
        node = self._node
        if not node.is_running:
            node.server.start()
        wait_until(lambda: _hastened(node), within_s=WITHIN_S, what=f"{node.name} to load the rest of its data")
        self._deployment.await_answering(node)
        for name, value in self._settings.items():
            node.client.config_set(name, value)
        node.client.config_rewrite()
        _remove_filler(self._deployment.primary().client)
        if not self._persists:
            self._restore_snapshot(self._snapshot)

    def _restore_snapshot(self, path: Path) -> None:
        """No file where there was none; else one without our keys, or a restart would bring them back."""
        import redis

        def saved() -> bool:
            try:
                return bool(self._node.client.save())
            except redis.ResponseError:  # a background save, for a replica
                return False

        if self._had_snapshot:
            wait_until(saved, within_s=WITHIN_S, what=f"a snapshot of {self._node.name}")
        else:
            path.unlink(missing_ok=True)


def key_load_delay(seconds: int, keys: int) -> int:
    """The directive's value with which so many keys take so long: microseconds a key, or -n: a nap every n keys."""
    per_key_us = seconds * 1_000_000 / max(1, keys)
    return round(per_key_us - NAP_US) if per_key_us > NAP_US else -round(NAP_US / per_key_us)


def _get(client: redis.Redis, name: str) -> str:
    return cast("dict[str, str]", client.config_get(name)).get(name, "")


def _keys(client: redis.Redis) -> int:
    keyspace = cast("dict[str, dict[str, int]]", client.info("keyspace"))
    return sum(int(database["keys"]) for database in keyspace.values())


def _fill(client: redis.Redis, count: int) -> None:
    for start in range(0, count, BATCH):
        client.mset({f"{FILLER}:{index}": "x" for index in range(start, min(count, start + BATCH))})


def _remove_filler(client: redis.Redis) -> None:
    keys = [str(key) for key in client.scan_iter(match=f"{FILLER}:*", count=BATCH)]
    for start in range(0, len(keys), BATCH):
        client.unlink(*keys[start : start + BATCH])


def _persistence(node: Node) -> dict[str, str]:
    return cast("dict[str, str]", node.client.info("persistence"))


def _rewritten(node: Node) -> bool:
    info = _persistence(node)
    return not (int(info["aof_rewrite_in_progress"]) or int(info["aof_rewrite_scheduled"]))


def _hastened(node: Node) -> bool:
    """It waits at no key any more, and has loaded them all."""
    import redis

    try:
        node.client.config_set(DELAY, 0)
        return not int(_persistence(node)["loading"])
    except redis.RedisError:  # it does not listen yet
        return False


def _refused_with_loading(node: Node) -> bool:
    import redis

    client = node.connect_through()
    try:
        client.ping()
    except redis.exceptions.BusyLoadingError:
        return True
    except redis.RedisError:
        return False
    finally:
        client.close()
    return False
