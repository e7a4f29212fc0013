"""The runbook of docs/state/server.md does what it says, on a server of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import redis
from small_servers import started

from pytest_arbredis._clock import wait_until

PAGE = Path(__file__).parents[2] / "docs" / "state" / "server.md"

pytestmark = pytest.mark.skipif(shutil.which("redis-cli") is None, reason="redis-cli is not installed")


def commands(port, dump):
    (block,) = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line.partition("#")[0].strip() for line in block.splitlines()]
    return [line.replace("-p 6380", f"-p {port}").replace("copy.rdb", str(dump)) for line in lines]


def ran(command):
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=30)  # noqa: S602 - our own page
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_delete_by_pattern_export_flush_and_import(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    dump = tmp_path / "two" / "dump.rdb"
    with started(tmp_path / "one", "--repl-diskless-sync-delay", "0") as port, redis.Redis(port=port) as plain:
        unlink, save, export, slow, flush = commands(port, dump)
        plain.mset({f"market:snapshot:S{n}": "x" for n in range(250)} | {"physics:state:BTC": "{}"})
        ran(unlink)
        assert plain.keys() == [b"physics:state:BTC"]
        assert "started" in ran(save)
        wait_until(lambda: not plain.info("persistence")["rdb_bgsave_in_progress"], within_s=5, what="a snapshot")
        ran(export)
        assert (tmp_path / "one" / "dump.rdb").read_bytes()[:5] == dump.read_bytes()[:5] == b"REDIS"
        ran(slow)
        ran(flush)
        wait_until(lambda: plain.dbsize() == 0, within_s=5, what="an empty database")
    with started(tmp_path / "two", "--appendonly", "no") as port, redis.Redis(port=port) as plain:
        assert plain.keys() == [b"physics:state:BTC"]
        plain.config_set("appendonly", "yes")
        wait_until(
            lambda: not plain.info("persistence")["aof_rewrite_in_progress"], within_s=10, what="the file to be there"
        )
    with started(tmp_path / "two", "--appendonly", "yes") as port, redis.Redis(port=port) as plain:
        assert plain.keys() == [b"physics:state:BTC"]
