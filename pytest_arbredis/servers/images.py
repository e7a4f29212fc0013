"""What the Docker engine offers here: does it answer, are the images present, are its host's ports ours.

Looked at before anything is started, with the standard library only: a machine without an engine learns it at once,
and nothing is ever pulled.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from pytest_arbredis.errors import EngineUnreachableError, HarnessError, MissingImageError
from pytest_arbredis.servers.sweep import EngineRefusalError, ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.servers.launcher import ServerKind

DEFAULT_HOST = "unix:///var/run/docker.sock"
REDIS_IMAGES = ("arbredis/redis:latest", "redis:latest")
TOXIPROXY_IMAGES = ("arbredis/toxiproxy:latest", "ghcr.io/shopify/toxiproxy:2.12.0")
ENGINE_REMEDY = "start a Docker engine that this user may talk to, set DOCKER_HOST, or use the process launcher"
IMAGE_REMEDY = "run `docker/build` (it needs no registry), or pull the image yourself"

Lack = Literal["engine", "image", "network"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """An engine that can be used: its address, and the image to use for each kind of server."""

    host: str
    id: str
    version: str
    images: Mapping[ServerKind, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why containers cannot be used here."""

    lack: Lack
    cause: str
    remedy: str

    def error(self) -> HarnessError:
        """The error for a caller who asked for containers by name."""
        kinds: dict[Lack, type[HarnessError]] = {"engine": EngineUnreachableError, "image": MissingImageError}
        return kinds.get(self.lack, HarnessError)(self.cause, remedy=self.remedy)


def engine(
    *,
    redis_image: str | None = None,
    toxiproxy_image: str | None = None,
    deadline_s: float = 2.0,
) -> EngineInfo | Reason:
    """The engine and the images to use, or the reason why not. An explicit image is the only one looked for.

    The first look on an engine runs a container for half a second, to see that its host's ports can be reached from
    here; the result is kept in the user's cache until the machine boots again.
    """
    host = engine_host()
    try:
        info = ask(host, "GET", "/info", timeout=deadline_s)
        identity, version = str(info["ID"]), str(info["ServerVersion"])
    except (EngineRefusalError, OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
        cause = f"no Docker engine answers at {host} within {deadline_s:g} s: {error}"
        return Reason(lack="engine", cause=cause, remedy=ENGINE_REMEDY)
    redis = choose_image(host, redis_image, REDIS_IMAGES)
    toxiproxy = choose_image(host, toxiproxy_image, TOXIPROXY_IMAGES)
    missing = [found for found in (redis, toxiproxy) if isinstance(found, Reason)]
    if isinstance(redis, Reason) or isinstance(toxiproxy, Reason):
        return Reason(lack="image", cause="; ".join(one.cause for one in missing), remedy=IMAGE_REMEDY)
    obstacle = _network_obstacle(host, identity, toxiproxy)
    if obstacle:
        remedy = "use the process launcher, or run where the engine's host network is (--network host)"
        return Reason(lack="network", cause=obstacle, remedy=remedy)
    images: dict[ServerKind, str] = {"redis": redis, "sentinel": redis, "toxiproxy": toxiproxy}
    return EngineInfo(host=host, id=identity, version=version, images=images)


def engine_host() -> str:
    """The address of the engine, as Docker's own client and testcontainers choose it."""
    properties = Path.home() / ".testcontainers.properties"
    if properties.is_file():
        for line in properties.read_text(errors="replace").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "tc.host" and value.strip():
                return value.strip()
    return os.environ.get("DOCKER_HOST") or _context_host() or DEFAULT_HOST


def image_details(host: str, image: str) -> dict[str, Any] | None:
    """What the engine knows of an image; None if it is not present. Raises `EngineUnreachableError`."""
    try:
        found: dict[str, Any] = ask(host, "GET", f"/images/{quote(image, safe='/:@')}/json")
    except EngineRefusalError as error:
        if error.status in {400, 404}:
            return None
        raise EngineUnreachableError(f"the Docker engine at {host} fails: {error}", remedy=ENGINE_REMEDY) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise EngineUnreachableError(f"no Docker engine answers at {host}: {error}", remedy=ENGINE_REMEDY) from error
    return found


def choose_image(host: str, explicit: str | None, candidates: tuple[str, ...]) -> str | Reason:
    """The first of these images that is present, or the reason that none is."""
    names = (explicit,) if explicit else candidates
    try:
        for name in names:
            if image_details(host, name) is not None:
                return name
    except EngineUnreachableError as error:
        return Reason(lack="engine", cause=error.cause, remedy=error.remedy)
    cause = f"no image {' or '.join(names)} at the Docker engine {host}"
    return Reason(lack="image", cause=cause, remedy=IMAGE_REMEDY)


def _context_host() -> str | None:
    """The address in the current context of Docker's client, if it is not the default one."""
    settings = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        name = os.environ.get("DOCKER_CONTEXT") or json.loads((settings / "config.json").read_text())["currentContext"]
        folder = hashlib.sha256(str(name).encode()).hexdigest()
        described = json.loads((settings / "contexts" / "meta" / folder / "meta.json").read_text())
        return str(described["Endpoints"]["docker"]["Host"]) or None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _network_obstacle(host: str, identity: str, image: str) -> str:
    """Why a container on the engine's host network cannot be reached from here; nothing if it can."""
    if sys.platform != "linux":
        return f"host networking needs Linux, this is {sys.platform}"
    if not host.startswith("unix://"):
        return f"the Docker engine at {host} is not on this machine"
    from pytest_arbredis.servers.reachable import host_network_obstacle

    return host_network_obstacle(host, identity, image)
