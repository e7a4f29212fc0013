"""Brute force: is there an order of the operations, one that respects real time, that a sequential object allows?

Slow and simple on purpose, and nothing is shared with the checks: it is what they are compared with.
"""

from __future__ import annotations

import math


def possible(ops, initial, step):
    """`step(state, op)` gives the states after `op`, none if it cannot happen there.

    Failed operations never happen, unknown ones at any time after their invocation, or never; of those that were
    confirmed the reply came, so they happened. Successful reads and changes happen between invocation and completion.
    """
    there = [op for op in ops if op.outcome != "fail" or op.applied]
    ends = [op.completed_ns if op.applied and op.completed_ns is not None else math.inf for op in there]

    def search(left, state, seen):
        if not any(there[i].applied for i in left):
            return True
        if (left, state) in seen:
            return False
        seen.add((left, state))
        for i in left:
            if any(ends[j] < there[i].invoked_ns for j in left):
                continue
            if any(search(left - {i}, after, seen) for after in step(state, there[i])):
                return True
        return False

    return search(frozenset(range(len(there))), initial, set())


def log(state, op):
    """An append-only log, a tuple."""
    if op.name == "append":
        return [(*state, op.input)]
    if op.name != "read":
        return []
    return [state] if op.outcome != "ok" or list(state) == (op.output or []) else []


def queue(state, op):
    """A queue whose values leave it for good, a tuple."""
    if op.name == "enqueue":
        return [(*state, op.input)]
    if op.name != "dequeue":
        return []
    if op.outcome != "ok":
        return [state[1:]]
    if op.output is None:
        return [] if state else [state]
    return [state[1:]] if state[:1] == (op.output,) else []


def acked_queue(state, op):
    """A queue whose values, once given, may be given again until they are acknowledged."""
    waiting, given, done = state
    if op.name == "enqueue":
        return [((*waiting, op.input), given, done)]
    if op.name == "ack":
        return [(waiting, given - {op.input}, done | {op.input})]
    if op.name != "dequeue":
        return []
    head = set(waiting[:1]) - done
    if op.outcome == "ok" and op.output is None:
        return [] if waiting else [state]
    values = {op.output} & (head | given) if op.outcome == "ok" else head | given
    after = [(waiting[1:] if value in head else waiting, given | {value}, done) for value in sorted(values)]
    return after if op.outcome == "ok" else [*after, state]
