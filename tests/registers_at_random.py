"""Long histories of registers that are linearizable because of how they are made, and what can be done to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_arbredis.history.history import History
from pytest_arbredis.history.records import Header, Op

if TYPE_CHECKING:
    from random import Random


def made(random: Random, *, operations: int, keys: int = 5, clients: int = 8, cas: bool = False, values: int = 0):
    """Every operation takes effect at one instant of its interval, or later if its caller gave up, or never.

    `values`: so many different ones; 0: each is written once.
    """
    at = [0] * clients
    process = list(range(clients))
    planned = []
    for number in range(operations):
        client = min(range(clients), key=lambda client: at[client])
        invoked = at[client] + random.randint(1, 4)
        completed = invoked + random.randint(0, 8)
        name = random.choice(["write", "read", "read", *(["cas", "cas"] if cas else [])])
        gave_up = random.random() < 0.02
        instant = random.randint(invoked, completed + (200 if gave_up else 0))
        planned.append((instant, number, process[client], name, invoked, completed, gave_up))
        at[client] = completed
        if gave_up:
            process[client] += clients
    held: dict[str, int | None] = {}
    ops = []
    for _, number, who, name, invoked, completed, gave_up in sorted(planned):
        key, value = f"k{random.randrange(keys)}", random.randrange(values) if values else number
        before = held.get(key)
        old = before if random.random() < 0.7 else random.randrange(values or operations)
        happens = not gave_up or random.random() < 0.5
        fits = name == "write" or (name == "cas" and old == before)
        if happens and fits:
            held[key] = value
        outcome = "unknown" if gave_up else "fail" if name == "cas" and not fits else "ok"
        ops.append(
            Op(
                id=number,
                process=who,
                name=name,
                key=key,
                input={"write": value, "read": None, "cas": [old, value]}[name],
                output=before if name == "read" and outcome == "ok" else None,
                outcome=outcome,
                invoked_ns=invoked,
                completed_ns=None if gave_up and random.random() < 0.5 else completed,
            )
        )
    return History.of(Header(run="at random"), ops)


def mutated(random: Random, history: History) -> History:
    """Drop a write, give a read another's value, shift an operation, or double one."""
    ops = list(history.ops)
    place = random.randrange(len(ops))
    op = ops[place]
    how = random.choice(["drop", "swap", "shift", "double"])
    if how == "drop":
        del ops[place]
    elif how == "swap":
        reads = [one for one in ops if one.name == "read" and one.outcome == "ok"]
        one, other = random.choice(reads), random.choice(reads)
        ops[ops.index(one)] = replace(one, output=other.output)
    else:
        by = random.randint(10, 300)
        ended = None if op.completed_ns is None else op.completed_ns + by
        later = replace(op, invoked_ns=op.invoked_ns + by, completed_ns=ended)
        if how == "double":
            ops.append(replace(later, id=len(ops), process=-1))
        else:
            ops[place] = later
    return History.of(history.header, ops)
