"""`docker/build`: images from binaries on this machine, of which the servers really run."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_arbredis.servers.images import Reason, engine, image_details
from pytest_arbredis.servers.launcher import ServerSpec
from pytest_arbredis.servers.ports import claim
from pytest_arbredis.servers.readiness import await_redis
from pytest_arbredis.servers.redis import find_redis, parse_version, says_of_itself
from pytest_arbredis.servers.sweep import ask
from pytest_arbredis.servers.toxiproxy import VERSION, find_toxiproxy

SCRIPT = Path(__file__).parents[2] / "docker" / "build"


def build(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.docker
def test_the_images_carry_their_version_and_their_servers_run(tmp_path):
    from pytest_arbredis.servers.docker import VERSION_LABEL, DockerLauncher

    found = engine()
    if isinstance(found, Reason):
        pytest.skip(f"no containers here: {found.cause}")
    nonce = secrets.token_hex(4)
    tags = {"redis": f"arbredis-test/redis:{nonce}", "toxiproxy": f"arbredis-test/toxiproxy:{nonce}"}
    try:
        binary = str(find_toxiproxy())
        done = build("--redis-tag", tags["redis"], "--toxiproxy-tag", tags["toxiproxy"], "--toxiproxy-bin", binary)
        assert done.returncode == 0, done.stderr
        versions = {"redis": parse_version(says_of_itself(find_redis())), "toxiproxy": VERSION}
        for kind, tag in tags.items():
            assert f"{tag}  {versions[kind]}  from " in done.stdout
            assert image_details(found.host, tag)["Config"]["Labels"][VERSION_LABEL] == versions[kind]
        with claim(16) as slot, DockerLauncher(tags, root=tmp_path) as launcher:
            port = slot.take()
            (tmp_path / "redis.conf").write_text(f"port {port}\nbind 127.0.0.1\n")
            spec = ServerSpec(name="n0", kind="redis", args=("redis.conf",), directory=tmp_path, port=port)
            (server,) = launcher.launch([spec])
            await_redis(server, address=("127.0.0.1", port))
            assert {kind: launcher._ask_version(kind) for kind in tags} == versions
    finally:
        for tag in tags.values():
            if image_details(found.host, tag):
                ask(found.host, "DELETE", f"/images/{tag}")


def test_what_cannot_be_packed_is_an_error_that_names_it(tmp_path):
    done = build("--redis-bin", str(tmp_path / "no-redis"), "--toxiproxy-bin", str(find_toxiproxy()))
    assert done.returncode == 4
    assert "no-redis" in done.stderr
    assert "Traceback" not in done.stderr
