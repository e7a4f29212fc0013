"""Compose: our own topology, drilled as somebody else's, and a stranger's project whose bot knows nothing of it."""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from pytest_arbredis._clock import wait_until
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.run import run
from pytest_arbredis.scenarios import failover
from pytest_arbredis.servers.ports import claim
from pytest_arbredis.topology.means import Means
from pytest_arbredis.topology.pool import DeploymentPool

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "compose"
LOCAL = """
services:
  redis:
    image: arbredis/redis
    entrypoint: []
    command: [redis-server, --appendonly, "yes", --protected-mode, "no"]
  toxiproxy:
    image: arbredis/toxiproxy
  bot:
    image: {bot}
"""
"""Images from binaries of this machine, in place of those of registries; the official Redis is not protected either."""


def program(name):
    """A program of docker/ as a module."""
    loader = importlib.machinery.SourceFileLoader(f"docker_{name}", str(ROOT / "docker" / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_compose_file_is_what_its_renderer_writes():
    assert (ROOT / "docker-compose.yml").read_text() == program("compose").render()


@pytest.mark.docker
@pytest.mark.compose
def test_what_compose_brings_up_is_drilled_and_left_as_it_was(tmp_path):
    file = tmp_path / "docker-compose.yml"
    with contextlib.ExitStack() as undo:
        slot = undo.enter_context(claim(size=32))
        file.write_text(program("compose").render(slot.first))
        environment = {**os.environ, "COMPOSE_PROJECT_NAME": f"arbredis-test-{slot.first}"}
        down = ["docker", "compose", "-f", str(file), "down", "--timeout", "0", "--volumes"]
        undo.callback(subprocess.run, down, env=environment, capture_output=True, check=True)
        script = [sys.executable, ROOT / "docker" / "compose", "up", "--file", file]
        done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        url = re.search(r"--url (\S+)", done.stdout)[1]
        control = re.search(r"--control (\S+)", done.stdout)[1]
        with DeploymentPool(Means(url=url, control=control, allow_destructive=True)) as pool:
            result = run(failover.CRASH, pool, seed=5, runs_dir=tmp_path)
            assert result.verdict is Verdict.VALID, result.not_run or result.findings
        sentinel = undo.enter_context(redis.Redis(port=slot.first + 13, decode_responses=True))
        told = sentinel.sentinel_master("arbredis")
        assert (told["down-after-milliseconds"], told["failover-timeout"]) == (5000, 10000)
        for index in range(3):
            node = undo.enter_context(redis.Redis(port=slot.first + 10 + index))
            assert node.dbsize() == 0


@pytest.mark.docker
@pytest.mark.compose
def test_a_strangers_bot_survives_a_crash_by_the_commands_of_the_readme(tmp_path):
    with contextlib.ExitStack() as undo:
        slot = undo.enter_context(claim(size=3))
        through, past, control = (slot.take() for _ in range(3))
        ports = {"16379": str(through), "16380": str(past), "18474": str(control)}

        def here(text):
            return re.sub("|".join(ports), lambda found: ports[found[0]], text)

        shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
        (tmp_path / "drill.yml").write_text(here((EXAMPLE / "drill.yml").read_text()))
        (tmp_path / "local.yml").write_text(LOCAL.format(bot=bash_image(tmp_path, undo)))
        environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": f"arbredis-test-{through}",
            "COMPOSE_FILE": "docker-compose.yml:drill.yml:local.yml",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }

        def command(line):
            words = shlex.split(line)
            done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            return done.stdout

        block = re.search(r"```sh\n(.*?)```", (EXAMPLE / "README.md").read_text(), re.DOTALL)[1]
        lines = [
            here(line.partition("#")[0].strip()).replace(" -f docker-compose.yml -f drill.yml", "")
            for line in block.splitlines()
        ]
        up, mark, begin, inject, logs, end, down = lines
        undo.callback(command, down)
        command(f"{up}")
        direct = undo.enter_context(redis.Redis(port=past))
        assert "redis-cli SET arbredis:mark yes" in mark  # which is in the official image, and not in ours
        direct.set("arbredis:mark", "yes")
        wait_until(lambda: _ticks(direct), within_s=10, what="the bot's first tick")
        command(begin)
        undo.callback(subprocess.run, shlex.split(end), cwd=tmp_path, env=environment, capture_output=True, check=False)
        before = _ticks(direct)
        assert "exit status -9" in command(inject)
        assert not _ticks(direct)
        wait_until(lambda: (_ticks(direct) or 0) > before, within_s=20, what="the bot's next tick")
        command(end)
        assert _ticks(direct) > before
        told = command(logs)
        assert told.index("connected") < told.index("lost the connection") < told.rindex("connected")
        assert (tmp_path / "docker-compose.yml").read_text() == (EXAMPLE / "docker-compose.yml").read_text()


def _ticks(client):
    """How far the bot has counted; None while its Redis does not answer."""
    with contextlib.suppress(redis.ConnectionError):
        return int(client.get("bot:ticks") or 0)


def bash_image(tmp_path, undo):
    """An image with bash and sleep of this machine, as debian:12-slim has them."""
    build = program("build")
    tag = f"arbredis-test/bash:{os.getpid()}"
    context = tmp_path / "image"
    build.pack(Path(shutil.which("bash")), context / "rootfs", "bin/bash")
    for name in ("bash", "sleep"):
        path = Path(shutil.which(name)).resolve()
        shutil.copy(path, context / "rootfs" / "bin" / name)
        for library in build.libraries(path):
            target = context / "rootfs" / str(library).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library.resolve(), target)
    (context / "Dockerfile").write_text("FROM scratch\nENV PATH=/bin\nCOPY rootfs/ /\n")
    build.run("docker", "build", "--quiet", "--tag", tag, str(context))
    undo.callback(subprocess.run, ["docker", "rmi", "--force", tag], capture_output=True, check=True)
    return tag
