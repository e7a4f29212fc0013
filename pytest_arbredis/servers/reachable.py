"""Is a port of a host-network container a port here? Found out by running one, and remembered until the next boot."""

from __future__ import annotations

import hashlib
import http.client
import json
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import HarnessError, WaitTimeoutError
from pytest_arbredis.servers.owners import owner_filter, owner_labels
from pytest_arbredis.servers.ports import claim
from pytest_arbredis.servers.sweep import EngineRefusalError, ask, remove_containers
from pytest_arbredis.servers.toxiproxy import user_cache

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWERS_WITHIN_S = 3.0
EVERY_S = 0.02


def host_network_obstacle(host: str, identity: str, image: str) -> str:
    """Why a Toxiproxy container on the engine's host network is not reached at 127.0.0.1; nothing if it is.

    Tried once per engine, boot and network namespace. Only an answer is remembered, not a trial that failed.
    """
    remembered = _memory(host, identity)
    if remembered.is_file():
        return ""
    try:
        with claim(16) as slot:
            _try(host, image, slot.take())
    except (HarnessError, EngineRefusalError, OSError, http.client.HTTPException, ValueError) as error:
        cause = error.cause if isinstance(error, HarnessError) else str(error)
        return f"a container on the host network of the Docker engine at {host} is not reached from here: {cause}"
    with suppress(OSError):  # a cache that cannot be written costs time, nothing else
        remembered.parent.mkdir(parents=True, exist_ok=True)
        remembered.touch()
    return ""


def _memory(host: str, identity: str) -> Path:
    """The file whose being there says that it was reached."""
    facts = [host, identity]
    with suppress(OSError):
        facts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii"))
    with suppress(OSError):
        facts.append(str(Path("/proc/self/ns/net").readlink()))
    return user_cache() / f"host-network-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:20]}"


def _try(host: str, image: str, port: int) -> None:
    """Run Toxiproxy on a port that nobody uses here, and reach it."""
    nonce = secrets.token_hex(8)
    wanted: Mapping[str, object] = {
        "Image": image,
        "Cmd": ["-host", "127.0.0.1", "-port", str(port)],
        "Labels": owner_labels(nonce),
        "HostConfig": {"NetworkMode": "host"},
    }
    try:
        created = ask(host, "POST", "/containers/create", wanted)["Id"]
        ask(host, "POST", f"/containers/{created}/start", timeout=2 * ANSWERS_WITHIN_S)
        what = f"a Toxiproxy container to answer on port {port}"
        wait_until(lambda: _answers(host, created, port), within_s=ANSWERS_WITHIN_S, what=what, every_s=EVERY_S)
    finally:
        remove_containers(host, owner_filter(nonce))


def _answers(host: str, container: str, port: int) -> bool:
    try:
        return "version" in ask(f"tcp://127.0.0.1:{port}", "GET", "/version", timeout=1.0)
    except (EngineRefusalError, OSError, http.client.HTTPException, ValueError, TypeError):
        state = ask(host, "GET", f"/containers/{container}/json")["State"]
        if not state["Running"]:
            raise WaitTimeoutError(f"the container ended with exit status {state['ExitCode']}") from None
        return False
