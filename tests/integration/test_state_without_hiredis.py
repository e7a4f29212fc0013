"""Without the extra `fast` the layer reads and writes the same, by redis-py's own parser."""

from __future__ import annotations

import subprocess
import sys

import pytest
from small_servers import SERVER, started

pytestmark = pytest.mark.skipif(SERVER is None, reason="redis-server is not on PATH")

PROGRAM = """
import asyncio, sys

if sys.argv[2] == "without":
    sys.modules["hiredis"] = None

import redis
from redis.utils import HIREDIS_AVAILABLE
from pytest_arbredis.state.asks import Batch, Command, Transaction
from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.errors import StateError

assert HIREDIS_AVAILABLE == (sys.argv[2] == "with")
URL = f"redis://127.0.0.1:{sys.argv[1]}/0"

def plan(ask):
    try:
        reply = yield ask
    except StateError as error:
        return f"{type(error).__name__}, {error.applied}: {error.cause}"
    return [str(one) if isinstance(one, Exception) else one for one in reply] if isinstance(reply, list) else reply

ASKS = [
    Command("SET", "k", b"\\x00\\r\\n\\xff" * 30_000),
    Command("GET", "k"),
    Command("GET", "absent"),
    Command("LPOP", "k"),
    Command("NOSUCHCOMMAND"),
    Command("HGETALL", "absent"),
    Transaction(("SET", "n", 1), ("LPUSH", "n", 1)),
    Transaction(("SET", "n")),
    Batch(("INCRBYFLOAT", "f", 1.5), ("LPOP", "k"), ("PING",)),
    Command("SET", "n", 2.5),
    Command("GET", "n"),
]

with StateRedis.from_url(URL) as state:
    told = [state.run(plan(ask)) for ask in ASKS]
    line = state.line()
    line.send("SUBSCRIBE", "c")
    told += [line.receive(within_s=1), line.receive(within_s=0.01)]
    line.close()

async def run():
    async with AsyncStateRedis.from_url(URL) as state:
        await state.run(plan(Command("FLUSHALL")))
        return [await state.run(plan(ask)) for ask in ASKS]

assert asyncio.run(run()) == told[:-2]
print(hash(repr(told)), told[2:8], told[9:])
"""


def test_both_parsers_and_packers_give_the_same(tmp_path):
    pytest.importorskip("hiredis")
    said = []
    with started(tmp_path) as port:
        for way in ("with", "without"):
            ran = subprocess.run(
                [sys.executable, "-W", "error", "-c", PROGRAM, str(port), way],
                capture_output=True,
                text=True,
                env={"PYTHONHASHSEED": "0", "PATH": ""},
                check=False,
                timeout=60,
            )
            assert ran.returncode == 0, ran.stderr
            said.append(ran.stdout)
            subprocess.run(
                [sys.executable, "-c", f"import redis; redis.Redis(port={port}).flushall()"], check=True, timeout=30
            )
    assert said[0] == said[1]
    assert "WrongTypeError, no" in said[0]
