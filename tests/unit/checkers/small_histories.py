"""Small random histories of objects: intervals that overlap and touch, few values, all three outcomes.

Those of `arbitrary` may tell anything, most are impossible; those of `run` were possible until some were spoilt.
A history is drawn by its size and a seed, which is quick, and shrinks by its size.
"""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from pytest_arbredis.testing.builder import HistoryBuilder

OUTCOMES = ("ok", "ok", "ok", "ok", "unknown", "unknown", "fail")
FATES = (*["ok"] * 7, "lost reply", "lost request", "fail")


def seeded(make, *arguments, size):
    """Histories of up to `size` operations that `make(rng, size, *arguments)` draws."""
    return st.builds(
        lambda seed, size: make(Random(seed), size, *arguments), seed=st.integers(0, 2**48), size=st.integers(1, size)
    )


def arbitrary(rng, size, operation, horizon=8):
    """Operations of which `operation(rng, number)` gives name, input and output; each has a process of its own.

    An output is kept whatever the outcome: of an unknown operation it says nothing. Some changes are confirmed.
    """
    h = HistoryBuilder()
    for number in range(size):
        name, given, told = operation(rng, number)
        begin, end = sorted((rng.randint(0, horizon), rng.randint(0, horizon)))
        outcome = rng.choice(OUTCOMES)
        confirmed = 1 if outcome == "unknown" and given is not None and rng.random() < 0.25 else None
        at = (begin, None) if outcome == "unknown" and confirmed is None and rng.random() < 0.5 else (begin, end)
        h.op(name, "k", input=given, output=told, at=at, outcome=outcome, process=number, confirmed=confirmed)
    return h.build()


def run(rng, size, step, initial):
    """A run of an object, its operations around their instants; then up to three of them are spoilt.

    `step` is that of `sequential`, and gives the states after an operation. Some replies are lost, and some requests.
    """
    state, planned, horizon = initial, [], rng.choice((0, 1, 2, 4, 8, 16))
    for number in range(size):
        steps = steps_of(step, state, number)
        name = rng.choice(sorted({name for name, *_ in steps}))
        _, given, told, after = rng.choice([one for one in steps if one[0] == name])
        fate = rng.choice(FATES)
        state = state if fate in {"lost request", "fail"} else after
        outcome = fate if fate in {"ok", "fail"} else "unknown"
        instant = 3 * number + 60
        at = instant - rng.randint(0, horizon), instant + rng.randint(0, horizon)
        planned.append([name, given, told, at, outcome])
    for _ in range(rng.randint(0, 3)):
        spoil(rng, *rng.choices(planned, k=2))
    h = HistoryBuilder()
    for number, (name, given, told, at, outcome) in enumerate(planned):
        h.op(name, "k", input=given, output=told, at=at, outcome=outcome, process=number)
    return h.build()


def spoil(rng, one, other):
    """Shift or stretch an operation, exchange two, or let one tell what the other told."""
    how = rng.randrange(4)
    begin, end = one[3]
    if how == 0:
        by = rng.randint(-15, 15)
        one[3] = begin + by, end + by
    elif how == 1:
        one[3] = begin - rng.randint(0, 15), end + rng.randint(0, 15)
    elif how == 2:
        one[3], other[3] = other[3], one[3]
    elif one[0] == other[0]:
        one[2] = other[2]


def steps_of(step, state, number):
    """What can happen in a state: name, input, output, and the state after it; a new value is `number`."""
    h = HistoryBuilder()
    for name in ("append", "enqueue"):
        h.op(name, "k", at=0, input=number)
    for value in range(number):
        h.op("ack", "k", at=0, input=value)
        h.op("dequeue", "k", at=0, output=value)
    h.op("dequeue", "k", at=0)
    h.op("read", "k", at=0, output=[*state])
    return [(op.name, op.input, op.output, after) for op in h.build().ops for after in step(state, op)]


def counter_operation(rng, _):
    """`add`, also of a negative number, or a reading."""
    if rng.random() < 0.6:
        return "add", rng.randint(-3, 3), None
    return "read", None, rng.choice([None, *range(-6, 7)])


def set_operation(rng, _):
    """`add`, or a reading of some elements."""
    if rng.random() < 0.6:
        return "add", rng.randint(0, 3), None
    return "read", None, rng.choice([None, rng.sample(range(4), rng.randint(0, 4))])


def log_operation(rng, number):
    """`append` of a value of its own, or a reading of some of them."""
    if rng.random() < 0.6:
        return "append", number, None
    return "read", None, rng.choice([None, [rng.randint(0, 4) for _ in range(rng.randint(0, 3))]])


def repeating_log_operation(rng, number):
    """`append` of one of few values, or a reading of some of them."""
    name, given, told = log_operation(rng, number)
    return name, None if given is None else rng.randint(0, 2), told


def queue_operation(rng, number):
    """`enqueue` of a value of its own, or a dequeue."""
    if rng.random() < 0.4:
        return "enqueue", number, None
    return "dequeue", None, rng.choice([None, *range(5)])


def acked_queue_operation(rng, number):
    """An operation on a queue, or an ack of any value."""
    return ("ack", rng.randint(0, 3), None) if rng.random() < 0.2 else queue_operation(rng, number)


def repeating_queue_operation(rng, number):
    """`enqueue` of one of few values, or a dequeue."""
    name, given, told = queue_operation(rng, number)
    return name, None if given is None else rng.randint(0, 1), told
