"""What the final phase read: the last word on every key, counted only on a topology that had settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json


def final_values(history: History) -> dict[str, Json]:
    """The last successful final read of each key.

    Reads invoked before the phase `settled` do not count, nor does any if the topology never settled: a replica that
    still loads its data would make a kept write look lost. So a missing key means "not known", never "empty".
    """
    settled_ns = history.phase_ns("settled")
    if settled_ns is None:
        return {}
    return {
        op.key: op.output
        for op in history.final_reads()
        if op.key is not None and op.outcome == "ok" and op.invoked_ns >= settled_ns
    }


def why_unread(history: History) -> str:
    """The reason why a key may have no final value, for a finding's summary."""
    if history.phase_ns("settled") is None:
        return "the topology never settled"
    reads = history.final_reads()
    if not reads:
        return "there was no final read"
    errors = {op.error for op in reads}
    if len(errors) == 1 and None not in errors:
        return f"their final reads failed: {errors.pop()}"
    return "their final reads are missing, failed, or came before the topology settled"
