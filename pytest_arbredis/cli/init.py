"""`arbredis init`: a first test of one's own, to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from pytest_arbredis.errors import UsageError

NAME: Final = "test_resilience.py"

FIRST_TEST: Final = '''"""What my bot promises when its Redis breaks: put your own code where it says so."""

import time

import pytest
import redis

from pytest_arbredis import Scenario, checks, schedule, topologies, workloads


class Bot:
    """MY CODE GOES HERE: the class below stands for it. It keeps what it is told, and knows the Sentinels."""

    name = "my bot"
    operations = frozenset({"write", "read"})

    def open(self, endpoints):
        return Session(redis.sentinel.Sentinel(endpoints.sentinels, socket_timeout=0.5), endpoints.master_name)


class Session:
    def __init__(self, sentinel, master_name):
        self.client = sentinel.master_for(master_name, socket_timeout=0.5, decode_responses=True)

    def apply(self, op):
        """One operation: its output, or an exception of redis-py."""
        return self.client.set(op.key, op.input) if op.name == "write" else self.client.get(op.key)

    def close(self):
        self.client.close()


def place(client, order, within_s=10):
    """MY CODE GOES HERE too, for the plain test: place an order, and keep at it until it is placed."""
    until = time.monotonic() + within_s
    while True:
        try:
            return client.set(f"order:{order}", "placed")
        except redis.RedisError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def test_an_order_is_placed_although_redis_was_away(faults, redis_url):
    client = redis.Redis.from_url(redis_url, socket_timeout=0.5, decode_responses=True)
    assert place(client, 1)
    with faults.down("primary"):
        with pytest.raises(redis.RedisError):
            place(client, 2, within_s=0.3)
    assert place(client, 2)
    assert client.get("order:2") == "placed"
    client.close()


FAILOVER = Scenario(
    name="my_bot.failover",
    promise="My bot is served again 3 s after a crash of the primary, and what it lost was never replicated.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=Bot(),
    workload=workloads.unique_writes(rate_hz=300, clients=4, read_share=0.2),
    faults=schedule.at(seconds=0.7).crash("primary").at(seconds=3.2).restart("crashed"),
    seconds=4.5,
    checks=(checks.recovers_within(3, after="crash"), checks.losses_are_documented(), checks.replicas_converge()),
)


def test_a_crash_is_over_within_3_seconds(arbredis):
    arbredis.run(FAILOVER).assert_valid()
'''


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write it.")] = Path(),
) -> None:
    """Write a first test_resilience.py, with a bot to replace by yours. A file that is there is never overwritten."""
    path = folder / NAME
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(FIRST_TEST)
    except FileExistsError:
        raise UsageError(
            f"{path} is there already, and is not overwritten", remedy="give another folder: arbredis init FOLDER"
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", remedy="give a folder that exists") from error
    typer.echo(f"wrote {path}")
    typer.echo("next:")
    typer.echo(f"  pytest {path}                  # two tests on real servers; both pass")
    typer.echo(f"  arbredis drill {path}          # its scenario alone, with the report")
    typer.echo("  then put your own code where it says MY CODE GOES HERE, and see what holds")
