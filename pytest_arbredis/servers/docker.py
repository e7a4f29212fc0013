"""Servers as containers on the host's network: created in parallel, never pulled, and gone with their owner.

Importing this module imports docker and testcontainers (some 0.3 s): import it where containers were chosen.
"""

from __future__ import annotations

import http.client
import os
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal, Self

from testcontainers.core.docker_client import DockerClient

from pytest_arbredis.errors import EngineUnreachableError, HarnessError, MissingImageError, UsageError
from pytest_arbredis.servers.container import ENTRYPOINTS, ContainerServer, engine_errors
from pytest_arbredis.servers.images import ENGINE_REMEDY, IMAGE_REMEDY, engine_host, image_details
from pytest_arbredis.servers.owners import OWNER, owner_filter, owner_is_gone, owner_labels
from pytest_arbredis.servers.supervision import Supervisor
from pytest_arbredis.servers.sweep import EngineRefusalError, list_containers, remove_container, remove_containers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_arbredis.servers.launcher import Server, ServerKind, ServerSpec

CALL_WITHIN_S = 30
MOST_AT_ONCE = 32
VERSION_LABEL = "org.opencontainers.image.version"


class DockerLauncher:
    """Starts servers from images that are present at the engine.

    Making one asks the engine (`EngineUnreachableError` if it does not answer), removes the containers of owners that
    are gone, and puts its own under the guard of a supervisor: a started one that is given, else one of its own.
    """

    def __init__(
        self,
        images: Mapping[ServerKind, str],
        *,
        root: Path,
        supervisor: Supervisor | None = None,
        host: str | None = None,
    ) -> None:
        self._images = dict(images)
        self._host = host or engine_host()
        self._nonce = secrets.token_hex(8)
        self._labels = {**owner_labels(self._nonce), "arbredis.root": str(root)}
        self._servers: list[ContainerServer] = []
        self._present: dict[ServerKind, Mapping[str, object]] = {}
        self._versions: dict[ServerKind, str] = {}
        self._lock = threading.Lock()
        self._closed = False
        self.sweep_dead_owners()
        with engine_errors("connect to the Docker engine"):
            self._client = DockerClient(
                environment={**os.environ, "DOCKER_HOST": self._host},
                max_pool_size=MOST_AT_ONCE,
                timeout=CALL_WITHIN_S,
            )
        self._own = Supervisor(log=root / "supervisor.log")
        self._supervisor = supervisor or self._own
        if supervisor is None:
            self._own.start()
        self._supervisor.guard_containers(self._host, self.label)

    @property
    def name(self) -> Literal["process", "docker"]:
        """`docker`."""
        return "docker"

    @property
    def supervisor(self) -> Supervisor:
        """The guard of its containers, for what else must end with them."""
        return self._supervisor

    @property
    def label(self) -> str:
        """The label, `name=value`, of all its containers."""
        return owner_filter(self._nonce)

    def launch(self, specs: Sequence[ServerSpec]) -> list[Server]:
        """Start all of them in parallel, or none. Returns once they run, not when ready."""
        for kind in {spec.kind for spec in specs}:
            self._require_image(kind)
        servers = [ContainerServer(spec, self._image(spec.kind), self._client, self._labels) for spec in specs]
        with self._lock:
            if self._closed:
                raise HarnessError("the launcher is closed", remedy="make a new one")
            self._servers += servers
        try:
            with self._supervisor.creating(), ThreadPoolExecutor(MOST_AT_ONCE) as pool:
                for started in [pool.submit(server.create) for server in servers]:
                    started.result()
        except BaseException:
            self.forget(servers)
            raise
        return list(servers)

    def forget(self, servers: Sequence[Server]) -> None:
        """End these servers and remove their containers, in parallel, and wait until they are gone. Idempotent."""
        wanted = {id(server) for server in servers}
        with self._lock:
            ours = [server for server in self._servers if id(server) in wanted]
        with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
            for removed in [pool.submit(server.remove) for server in ours]:
                removed.result()
        with self._lock:
            self._servers = [server for server in self._servers if id(server) not in wanted]

    def version(self, kind: ServerKind) -> str:
        """The version of the server in the image: by its label, else by asking it once."""
        if kind not in self._versions:
            config = self._require_image(kind).get("Config")
            labels = (config.get("Labels") or {}) if isinstance(config, dict) else {}
            self._versions[kind] = str(labels.get(VERSION_LABEL) or "") or self._ask_version(kind)
        return self._versions[kind]

    def sweep_dead_owners(self) -> int:
        """Remove the containers of owners that are gone, of any earlier run; gives how many."""
        try:
            left = [found for found in list_containers(self._host, OWNER) if owner_is_gone(found["Labels"] or {})]
            for found in left:
                remove_container(self._host, str(found["Id"]))
        except (EngineRefusalError, OSError, http.client.HTTPException, ValueError, LookupError) as error:
            cause = f"no Docker engine answers at {self._host}: {error}"
            raise EngineUnreachableError(cause, remedy=ENGINE_REMEDY) from error
        return len(left)

    def close(self) -> None:
        """Remove everything that it created, half-made containers too, and wait until it is gone. Idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            servers = list(self._servers)
        try:
            self.forget(servers)
            remove_containers(self._host, self.label)
        except (EngineRefusalError, OSError, http.client.HTTPException, ValueError) as error:
            cause = f"containers with the label {self.label} may be left: {error}"
            raise HarnessError(cause, remedy=f"docker rm -f $(docker ps -aq --filter label={self.label})") from error
        finally:
            self._client.client.close()
            self._own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _image(self, kind: ServerKind) -> str:
        image = self._images.get(kind)
        if image is None:
            known = ", ".join(sorted(self._images)) or "none"
            raise UsageError(f"this launcher has no image for {kind!r}", remedy=f"it has: {known}")
        return image

    def _require_image(self, kind: ServerKind) -> Mapping[str, object]:
        """What the engine knows of the image of this kind. Raises `MissingImageError`; looked at once."""
        if kind not in self._present:
            details = image_details(self._host, self._image(kind))
            if details is None:
                cause = (
                    f"no image {self._image(kind)!r} at the Docker engine {self._host}; nothing is pulled implicitly"
                )
                raise MissingImageError(cause, remedy=IMAGE_REMEDY)
            self._present[kind] = details
        return self._present[kind]

    def _ask_version(self, kind: ServerKind) -> str:
        from pytest_arbredis.servers.redis import parse_version

        image = self._image(kind)
        with self._supervisor.creating(), engine_errors(f"ask the image {image} for its version"):
            output = self._client.client.containers.run(
                image,
                ["-version"] if kind == "toxiproxy" else ["--version"],
                entrypoint=ENTRYPOINTS[kind],
                network_mode="none",
                labels=self._labels,
                remove=True,
            ).decode(errors="replace")
        version = parse_version(output)
        if not version:
            cause = f"the image {image} does not tell its version: {output[:200]!r}"
            raise HarnessError(cause, remedy=f"use an image of a {kind} server")
        return version
