"""One server as a container: testcontainers without its reaper and without pulling, and the signals that we need."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import docker.errors
import requests.exceptions
import urllib3.exceptions
from testcontainers.core.container import DockerContainer
from testcontainers.core.exceptions import ContainerStartException
from testcontainers.core.labels import create_labels

from pytest_arbredis.errors import EngineUnreachableError, HarnessError, MissingImageError
from pytest_arbredis.servers.images import ENGINE_REMEDY, IMAGE_REMEDY
from pytest_arbredis.servers.launcher import Confinement
from pytest_arbredis.servers.owners import process_start

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator, Mapping

    from testcontainers.core.docker_client import DockerClient

    from pytest_arbredis.servers.launcher import ServerKind, ServerSpec

KILLED = -9
UNLIMITED_BYTES = 1 << 62
"""The engine knows no way back to "no limit": 0 means "as it is", and less than nothing is too little for it."""
CPU_PERIOD_US = 100_000
ENTRYPOINTS: dict[ServerKind, str | None] = {"redis": "redis-server", "sentinel": "redis-server", "toxiproxy": None}
"""What is run: found on the PATH of the image, whose own entry point may be a script; None: the image's own."""


class QuietContainer(DockerContainer):
    """A container whose start neither pulls its image nor starts Ryuk (whose image would be pulled too).

    It shares one client with others: connecting costs more than creating a container.
    """

    def __init__(self, image: str, shared: DockerClient) -> None:
        # A version given, the parent's own client asks the engine nothing, and is never used.
        super().__init__(image, docker_client_kw={"version": shared.client.api._version})  # noqa: SLF001 - has no name
        self.image = image  # without testcontainers' prefix for pulls from a hub
        self._shared = shared
        self.labels: dict[str, str] = {}

    def get_docker_client(self) -> DockerClient:
        """The shared client."""
        return self._shared

    def start(self) -> Self:
        """Create it and start it. Returns once it runs."""
        self._container = self._shared.client.containers.create(
            self.image,
            command=self._command,
            environment=self.env,
            volumes=self.volumes,
            labels=create_labels(self.image, self.labels),
            detach=True,
            **self._kwargs,
        )
        self._container.start()
        return self


class ContainerServer:
    """A server in a container of its own, over several incarnations, with one log."""

    def __init__(self, spec: ServerSpec, image: str, client: DockerClient, labels: Mapping[str, str]) -> None:
        self._spec = spec
        self._image = image
        self._client = client
        self._labels = dict(labels)
        self._lock = threading.Lock()
        self._id = ""
        self._forgotten = False
        self._last_status: int = KILLED
        self._seen_running: tuple[int, str] | None = None

    @property
    def spec(self) -> ServerSpec:
        """What was started."""
        return self._spec

    @property
    def pid(self) -> int | None:
        """The process id on the engine's machine; None while it does not run."""
        if self._still_running():
            return self._seen_running[0] if self._seen_running else None
        state = self._state()
        return int(state["Pid"]) if state["Running"] else None

    @property
    def log_path(self) -> Path:
        """`<directory>/<name>.log`, fetched from the engine now."""
        path = self._spec.directory / f"{self._spec.name}.log"
        if not self._forgotten:
            path.write_bytes(self._logs())
        return path

    def create(self) -> None:
        """Create the container and start it for the first time."""
        container = (
            QuietContainer(self._image, self._client)
            .with_command(list(self._spec.args))
            .with_volume_mapping(self._spec.directory.absolute(), str(self._spec.directory.absolute()), "rw")
            .with_envs(**dict(self._spec.env))
            .with_kwargs(
                entrypoint=ENTRYPOINTS[self._spec.kind],
                network_mode="host",
                user=f"{os.getuid()}:{os.getgid()}",
                working_dir=str(self._spec.directory.absolute()),
                log_config={"Type": "json-file"},
            )
        )
        container.labels = {**self._labels, "arbredis.name": self._spec.name}
        with engine_errors(f"start a container for {self._spec.name}"):
            try:
                container.start()
            finally:  # one that was created but could not be started must be removed too
                with contextlib.suppress(ContainerStartException):
                    self._id = container.get_container_id()

    def start(self) -> None:
        """Start it again after it ended. Returns once it runs, not when ready."""
        with self._lock:
            if self._forgotten:
                raise HarnessError(f"{self._spec.name} was given up by its launcher", remedy="launch it anew")
            if self._running():
                raise HarnessError(f"{self._spec.name} runs already", remedy="end it before")
            with engine_errors(f"start {self._spec.name} again"):
                self._client.client.api.start(self._id)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal. Raises `HarnessError` if it does not run."""
        with self._lock:
            if not self._running():
                raise HarnessError(
                    f"{self._spec.name} does not run (exit status {self.exit_status()}): {number.name} cannot be sent",
                    remedy="start it before",
                )
            with engine_errors(f"send {number.name} to {self._spec.name}"):
                self._client.client.api.kill(self._id, number.name)

    def exit_status(self) -> int | None:
        """None while it runs; else its exit status, -9 for SIGKILL."""
        return None if self._still_running() else _exit_status(self._state())

    def limit_memory(self, limit_bytes: int | None) -> None:
        """Let it use no more memory, swap included; None: as much as there is."""
        limit = UNLIMITED_BYTES if limit_bytes is None else limit_bytes
        with engine_errors(f"limit the memory of {self._spec.name} to {limit} bytes"):
            self._client.client.api.update_container(self._id, mem_limit=limit, memswap_limit=limit)

    def limit_cpu(self, percent: int | None) -> None:
        """Let it use no more than this share of one processor; None: as much as there is."""
        quota_us = -1 if percent is None else percent * CPU_PERIOD_US // 100
        with engine_errors(f"limit the processor of {self._spec.name} to {percent} %"):
            self._client.client.api.update_container(self._id, cpu_period=CPU_PERIOD_US, cpu_quota=quota_us)

    def freeze(self) -> None:
        """Stop all its processes by the freezer of its control group."""
        with engine_errors(f"pause {self._spec.name}"):
            self._client.client.api.pause(self._id)

    def thaw(self) -> None:
        """Let them go on. Nothing if they were not frozen."""
        if self._state().get("Paused"):
            with engine_errors(f"unpause {self._spec.name}"):
                self._client.client.api.unpause(self._id)

    def confinement(self) -> Confinement:
        """How it is confined now."""
        with engine_errors(f"look at {self._spec.name}"):
            found = self._client.client.api.inspect_container(self._id)
        state, limits = found["State"], found["HostConfig"]
        limit = int(limits["Memory"])
        return Confinement(
            paused=bool(state["Paused"]),
            memory_bytes=0 if limit >= UNLIMITED_BYTES else limit,
            out_of_memory=bool(state["OOMKilled"]),
        )

    def throttled_periods(self) -> int:
        """In how many periods the kernel made it wait for its share of the processor. Takes up to a second."""
        with engine_errors(f"ask for the statistics of {self._spec.name}"):
            stats = self._client.client.api.stats(self._id, stream=False, one_shot=True)
        return int(stats.get("cpu_stats", {}).get("throttling_data", {}).get("throttled_periods", 0))

    def log_tail(self, lines: int = 10) -> str:
        """The last lines of its log."""
        if self._forgotten:
            path = self.log_path
            text = path.read_bytes() if path.exists() else b""
        else:
            text = self._logs(tail=lines)
        return "\n".join(text.decode(errors="replace").splitlines()[-lines:])

    def remove(self) -> None:
        """Keep its log, then end it and remove its container, and wait until it is gone. Idempotent."""
        with self._lock:
            if self._forgotten or not self._id:
                self._forgotten = True
                return
            with contextlib.suppress(HarnessError, OSError):
                _ = self.log_path
            with engine_errors(f"remove the container of {self._spec.name}"):
                state = self._state()
                try:
                    self._client.client.api.remove_container(self._id, v=True, force=True)
                except docker.errors.NotFound:
                    pass
                except docker.errors.APIError as error:
                    if error.status_code != 409:  # being removed already
                        raise
                    self._client.client.api.wait(self._id, condition="removed")
            status = _exit_status(state)
            self._last_status = KILLED if status is None else status
            self._forgotten = True

    def _running(self) -> bool:
        return self._still_running() or bool(self._state()["Running"])

    def _still_running(self) -> bool:
        """The process that the engine named last lives, told by the process table: the engine takes milliseconds."""
        return self._seen_running is not None and process_start(self._seen_running[0]) == self._seen_running[1]

    def _remember(self, state: Mapping[str, Any]) -> None:
        """Note the process of a running container, where it is to be seen from here as that container's."""
        self._seen_running = None
        pid = int(state["Pid"])
        with contextlib.suppress(OSError):
            if state["Running"] and self._id in Path(f"/proc/{pid}/cgroup").read_text():
                started = process_start(pid)
                self._seen_running = (pid, started) if started is not None else None

    def _state(self) -> dict[str, Any]:
        if not self._forgotten:
            with engine_errors(f"look at {self._spec.name}"), contextlib.suppress(docker.errors.NotFound):
                state: dict[str, Any] = self._client.client.api.inspect_container(self._id)["State"]
                self._remember(state)
                return state
        return {"Running": False, "ExitCode": self._last_status, "Pid": 0}

    def _logs(self, tail: int | None = None) -> bytes:
        with engine_errors(f"read the log of {self._spec.name}"), contextlib.suppress(docker.errors.NotFound):
            logs: bytes = self._client.client.api.logs(self._id, tail="all" if tail is None else tail)
            return logs
        return b""


def _exit_status(state: Mapping[str, Any]) -> int | None:
    """None of a container that runs; 137 and the like, as the engine counts signals, become negative."""
    if state["Running"]:
        return None
    code = int(state["ExitCode"])
    return 128 - code if code > 128 else code


@contextlib.contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Translate what docker-py raises into errors of ours."""
    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise MissingImageError(f"cannot {doing}: {error.explanation}", remedy=IMAGE_REMEDY) from error
    except docker.errors.APIError as error:
        cause = f"the Docker engine would not {doing}: {error.explanation or error}"
        raise HarnessError(cause, remedy="see the engine's log") from error
    except (docker.errors.DockerException, requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise EngineUnreachableError(f"cannot {doing}: {error}", remedy=ENGINE_REMEDY) from error
