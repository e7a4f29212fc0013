"""Sentinels that take their time, so that what is forced is not undone before it can be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from pytest_arbredis.faults.fault import Undo, undoing_all
from pytest_arbredis.topology.settled import MASTER_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

PATIENT_PUBLISH_MS: Final = 1000
"""A Sentinel turns a promoted replica back after four publish periods if it believes in a sane old primary. It learns
of a promotion or a demotion by INFO, once a second at the latest: with the fast timing's 50 ms it would be quicker."""

PATIENT_DOWN_AFTER_MS: Final = 10_000


def correcting_late(deployment: Deployment, sentinels: Iterable[Node]) -> Undo:
    """Let these Sentinels wait before they turn a promoted replica back; nothing unless the timing is fast."""
    usual_ms = dict(deployment.timing.debug).get("publish-period")
    if usual_ms is None:
        return lambda: None

    def restoring(sentinel: Node) -> Undo:
        return lambda: _publish_every(sentinel, usual_ms)

    undos: list[Undo] = []
    undo = undoing_all(undos)
    try:
        for sentinel in sentinels:
            undos.append(restoring(sentinel))
            _publish_every(sentinel, PATIENT_PUBLISH_MS)
    except BaseException:
        undo()
        raise
    return undo


def noticing_late(deployment: Deployment) -> Undo:
    """Let every running Sentinel wait for at least 10 s before it holds a node for down."""
    undos: list[Undo] = []
    undo = undoing_all(undos)
    try:
        for sentinel in filter(lambda sentinel: sentinel.is_running, deployment.sentinels):
            undos.append(_down_after(sentinel))  # noqa: PERF401 - what was changed before one fails must be known
    except BaseException:
        undo()
        raise
    return undo


def _publish_every(sentinel: Node, period_ms: int) -> None:
    if sentinel.is_running:
        sentinel.client.execute_command("SENTINEL", "DEBUG", "publish-period", period_ms)


def _down_after(sentinel: Node) -> Undo:
    usual_ms = int(cast("dict[str, Any]", sentinel.client.sentinel_master(MASTER_NAME))["down-after-milliseconds"])

    def wait_for(period_ms: int) -> None:
        sentinel.client.sentinel_set(MASTER_NAME, "down-after-milliseconds", period_ms)

    wait_for(max(usual_ms, PATIENT_DOWN_AFTER_MS))
    return lambda: wait_for(usual_ms)
