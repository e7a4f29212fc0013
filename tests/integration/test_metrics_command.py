"""`arbredis metrics`: what it prints, and its exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
import redis
from small_servers import free_port, started

from pytest_arbredis.state.manager.manager import StateManager

COMMAND = [sys.executable, "-m", "pytest_arbredis.cli", "metrics"]


PASSWORD = "sesame"  # noqa: S105 - of a server of this test


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port, redis.Redis(port=port) as plain:
        with StateManager("127.0.0.1", port, namespace="paper:local") as manager:
            manager.set_metrics({"trades_total": 3, "total_balance": 1.5})
        plain.config_set("requirepass", PASSWORD)
        yield port


def environment(port, password=PASSWORD):
    env = {**os.environ, "REDIS_PASSWORD": password, "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(port)}
    env.pop("REDIS_URL", None)
    return env


def ran(port, *args, password=PASSWORD):
    env = environment(port, password)
    return subprocess.run([*COMMAND, *args], env=env, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("format", "shown"),
    [
        ("table", "total_balance                  = 1.5"),
        ("json", '"metrics":{"trades_total":3,"total_balance":1.5}'),
        ("log", "[METRICS] trades_total=3\n[METRICS] total_balance=1.5"),
        ("prometheus", 'arbitrage_trades_total{env="local",key_prefix="arbitrage",mode="paper"} 3.0'),
    ],
)
def test_it_prints_what_managers_keep(port, format, shown):
    done = ran(port, "--mode", "paper", "--env", "local", "--format", format)
    assert (done.returncode, done.stderr) == (0, "")
    assert shown in done.stdout


def test_a_namespace_without_metrics_is_no_error(port):
    done = ran(port, "--mode", "shadow", "--format", "json")
    assert (done.returncode, json.loads(done.stdout)["metrics"]) == (0, {})


def test_an_address_may_be_given(port):
    done = ran(1, "--url", f"redis://127.0.0.1:{port}/0", "--mode", "paper", "--env", "local")
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--mode", "real"], "mode"),
        (["--env", "cloud"], "place"),
        (["--key-prefix", "a b"], "key_prefix"),
        (["--url", "http://x"], "address"),
        (["--format", "xml"], "--format"),
        (["--watch", "0"], "--watch"),
    ],
)
def test_wrong_usage_is_2(port, args, told):
    done = ran(port, *args)
    assert (done.returncode, told in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def test_a_redis_that_is_away_is_4_without_a_traceback():
    done = ran(free_port())
    assert (done.returncode, "Traceback" in done.stderr, done.stdout) == (4, False, "")
    assert PASSWORD not in done.stderr


def test_a_wrong_password_is_4_and_not_shown(port):
    done = ran(port, password="nonsense")  # noqa: S106 - it is refused
    assert (done.returncode, "nonsense" in done.stderr) == (4, False)


def test_watching_goes_on_until_ctrl_c(port):
    command = [*COMMAND, "--mode", "paper", "--env", "local", "--format", "json", "--watch", "0.1"]
    process = subprocess.Popen(
        command, env=environment(port), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lines = [process.stdout.readline() for _ in range(3)]
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert all(json.loads(line)["metrics"]["trades_total"] == 3 for line in lines)
    assert (process.returncode, "Traceback" in told) == (130, False)
