"""A bot that works by itself, judged by what the servers saw and keep; one that did nothing proves nothing."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import redis
from bots import BY_ITSELF, IDLE, IMPATIENT
from fault_cases import SENTINEL

from pytest_arbredis import Scenario, checks, schedule, seen, subjects, workloads
from pytest_arbredis._clock import wait_until
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.faults.schedule import Schedule
from pytest_arbredis.history.jsonl import load
from pytest_arbredis.history.whereabouts import recording_of
from pytest_arbredis.topology.monitor import CommandMonitor

pytestmark = pytest.mark.parametrize("launcher", ["process"], indirect=True)


def black_box(program, **settings):
    return subjects.black_box([sys.executable, "-c", program], **settings)


def nothing_twice(history):
    """No order is on the tape twice, and no order is there that was not placed."""
    kept = seen.contents(history)
    tape = kept.get("tape") or []
    twice = sorted({number for number in tape if tape.count(number) > 1})
    strangers = [number for number in tape if kept.get(f"order:{number}") != "placed"]
    return f"twice on the tape: {twice}, never placed: {strangers}" if twice or strangers else ""


ORDERS = Scenario(
    name="black_box.orders",
    promise="Whatever happens to its Redis, the bot puts no order on its tape twice.",
    topology=SENTINEL,
    subject=black_box(BY_ITSELF),
    workload=workloads.none(),
    faults=(
        schedule.at(seconds=1)
        .latency("primary", ms=50)
        .lasting(seconds=0.4)
        .at(seconds=1.8)
        .down("primary")
        .lasting(seconds=0.3)
    ),
    seconds=3.2,
    checks=(
        checks.invariant("no_order_is_placed_twice", nothing_twice),
        checks.commands_seen("SETNX", at_least=50),
        checks.replicas_converge(),
    ),
)


def test_a_black_box_is_judged_by_what_the_servers_saw_and_keep(judged):
    result = judged(ORDERS)
    assert result.verdict is Verdict.VALID, [finding.lines or finding.summary for finding in result.findings]
    history = result.history
    assert {one.words[0] for one in seen.commands(history)} == {"SETNX", "RPUSH"}
    assert len(seen.contents(history)["tape"]) == len(seen.commands(history, ["RPUSH"]))
    guard = result.findings[-1]
    assert "commands there" in guard.figures["met"]["latency 0"]
    assert "cut or silent" in guard.figures["met"]["down 1"]
    assert (result.folder / "report.html").exists()


def test_a_broken_invariant_is_a_violation(judged):
    planted = BY_ITSELF.replace('client.setnx(f"order:{number}", "placed") and ', "")
    twice = 'client.set(f"order:{number}", "placed"); client.rpush("tape", number, number)'
    planted = planted.replace('client.rpush("tape", number)', twice)
    result = judged(
        replace(ORDERS, subject=black_box(planted), faults=Schedule(), seconds=0.8, checks=ORDERS.checks[:1])
    )
    assert result.verdict is Verdict.INVALID
    assert result.findings[0].summary.startswith("twice on the tape")


@pytest.mark.parametrize(
    ("program", "why"),
    [(IDLE, "the servers saw no command of the bot"), (IMPATIENT, "the bot died with status 1")],
    ids=["idle", "dies"],
)
def test_a_bot_that_does_nothing_or_dies_proves_nothing(judged, program, why):
    harmless = replace(
        ORDERS,
        subject=black_box(program),
        faults=schedule.at(seconds=1.5).reset("primary").lasting(seconds=0.2),
        seconds=2,
        checks=(checks.invariant("holds", lambda _: ""),),
    )
    result = judged(harmless)
    assert result.verdict is Verdict.UNKNOWN
    assert any(line.startswith(why) for line in result.findings[-1].lines), result.findings[-1].lines


def test_the_monitor_sees_the_bot_and_nobody_else(deployment, recorder):
    host, port = deployment.primary().proxied
    with CommandMonitor(deployment, recorder), redis.Redis(host=host, port=port) as bot:
        deployment.primary().client.set("ours", "1")
        bot.execute_command("CLIENT", "SETNAME", "bot")
        bot.set("theirs", "1")
        bot.eval("redis.call('set', 'scripted', '1')", 0)
        wait_until(
            lambda: {"SET", "EVAL"} <= {one.words[0] for one in seen.commands(load(recorder.path))},
            within_s=5,
            what="the bot's commands in the history",
        )
        wait_until(
            lambda: any(one.clients for one in seen.connections(load(recorder.path), "n0")),
            within_s=5,
            what="the bot's connection in the history",
        )
        with pytest.raises(redis.RedisError):
            bot.execute_command("AUTH", "secret")
    text = recording_of(recorder.path).read_text(errors="replace")
    assert "theirs" in text
    assert "ours" not in text
    assert "secret" not in text
    assert {one.node for one in seen.commands(load(recorder.path))} == {"n0"}
