"""Cases of faults on Sentinels: while a majority can still vote, a primary that dies is replaced."""

from __future__ import annotations

import signal

from fault_cases import Case, lying_control, lying_server

from pytest_arbredis._clock import wait_until
from pytest_arbredis.faults.crash import Crash
from pytest_arbredis.faults.down import Down


def promoted(deployment):
    """The running nodes other than n0 that say that they are primary."""
    roles = {node.name: node.role() for node in deployment.nodes[1:] if node.is_running}
    return [name for name, role in roles.items() if role is not None and role.role == "master"]


def still_replaced(_, deployment):
    """The primary dies, and another one is elected; it is then back as a replica."""
    first = deployment.primary()
    assert first.name == "n0"
    first.server.signal(signal.SIGKILL)
    try:
        wait_until(lambda: promoted(deployment), within_s=15, what="another primary", every_s=0.05)
    finally:
        wait_until(lambda: not first.is_running, within_s=5, what="the end of n0")
        deployment.start_again(first)


CASES = {
    "crash_of_a_minority": Case(
        fault=Crash(),
        target="minority",
        evidence=r"s2: exit status -9, port \d+ refuses connections",
        felt=still_replaced,
        lie=lying_server,
        launchers=("process",),
    ),
    # Nobody reaches them, but they reach the third: two of three still agree.
    "down_of_a_majority": Case(
        fault=Down(),
        target="majority",
        evidence=r"s1: \w+ through its address, answers directly; s2: \w+ through its address, answers directly",
        felt=still_replaced,
        lie=lying_control,
        launchers=("process",),
    ),
}
