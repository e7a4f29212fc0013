"""What the bot promises, judged by what the servers saw and what they hold in the end; nothing is asked of the bot."""

from __future__ import annotations

import sys
from pathlib import Path

from pytest_arbredis import Scenario, checks, schedule, seen, subjects, topologies, workloads

HERE = Path(__file__).parent


def nothing_twice(history):
    tape = seen.contents(history).get("tape", [])
    twice = {order for order in tape if tape.count(order) > 1}
    return f"on the tape twice: {sorted(twice)}" if twice else ""


def nothing_left_out(history):
    held = seen.contents(history)
    missing = [key for key in held if key.startswith("order:") and key.removeprefix("order:") not in held["tape"]]
    return f"placed, but not on the tape: {missing}" if missing else ""


ORDERS = Scenario(
    name="black_box.orders",
    promise="However its Redis breaks, the bot puts every order on its tape, once.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=subjects.black_box([sys.executable, "bot.py"], cwd=HERE, follow_primary=True),
    workload=workloads.none(),
    faults=(
        schedule.at(seconds=0.8)
        .limit_data("primary", after_handshake=True)
        .lasting(seconds=0.5)
        .at(seconds=2.4)
        .down("primary")
        .lasting(seconds=0.3)
    ),
    seconds=3.6,
    checks=(
        checks.invariant("no_order_is_placed_twice", nothing_twice),
        checks.invariant("every_order_is_on_the_tape", nothing_left_out),
        checks.commands_seen("RPUSH", at_least=50),
        checks.replicas_converge(),
    ),
)


def test_every_order_is_on_the_tape_once(arbredis):
    arbredis.run(ORDERS).assert_valid()
