"""What docs/promises.md says around its tables; `build_promises.py` makes these."""

from __future__ import annotations

from pytest_arbredis.state.keyspace import patterns as keys

HEAD = """\
# What the state layer promises

What may become of an operation when Redis, or the way to it, fails; for each key, with the scenario that proves it.
Look your key up [at a glance](#at-a-glance); then read [every key](#every-key), which holds for yours too, and the
section of your key, which says what its own operations add. **What a row does not mention may not happen.**

No guarantee is absolute: over asynchronous replication a token and its effect roll back together, and a queue too.

- **may be** *lost*: an acknowledged change is gone, or an old state is back. *Repeated*: it took effect twice.
  *Delayed*: it comes later than asked. *Refused*: the caller gets an error, which says whether anything was applied.
- **proven by** names a scenario; `arbredis drill NAME` runs it. *valid*: the promise held. *shown*: nothing mends this,
  and the run demonstrates it.
- **as designed** is the naive twin, which does what the design says and no more, in the same scenario: same workload,
  schedule, seeds and checks. *violated*: one of the checks found it out.
- Every figure is of `make promises`, at commit `{commit}`, on {date}; {machine}.
  {earlier}{surely}Written by `docs/build_promises.py`, which adds nothing but these words.
"""

EVENTS = {
    "crash": "Redis's process is killed and started again; what it had written, the kernel still has",
    "power loss": "the process is killed, and has only what it had synced to disk",
    "failover": "the primary is killed or cut off; Sentinels promote a replica",
    "partition": "clients, Redis and Sentinels are parted from one another",
    "OOM": "memory is full, and the policy evicts nothing",
    "eviction": "memory is full, and the policy takes keys away",
    "Redis away": "Redis, or what leads to it, cannot be reached for some time",
    "reply lost": "a command is applied, and its connection ends before the reply",
    "stall": "requests or replies hang, or trickle, on open connections",
    "disconnect": "connections are cut",
    "consumer dies": "a process ends with what it had taken",
    "concurrency": "many clients at once, and no fault",
    "no fault": "what goes wrong by itself",
}
"""What an event is, by what it begins with; behind a comma is how Redis is set."""

SETTINGS = {
    "AOF always, AOF everysec, no fsync": "`appendonly yes`, and `appendfsync` always, everysec or no",
    "RDB": "snapshots only (`save`)",
    "no persistence": "neither of both",
    "stock": "replication as Redis has it by itself: nobody waits for a replica",
    "min-replicas": "`min-replicas-to-write` and `min-replicas-max-lag`",
    "WAIT by all": "each change waits for all replicas (`wait_replicas`, or `Confirm` in a plan of one's own)",
}

OF_GLANCE = """\
## At a glance

How Redis is set when nothing acknowledged is lost (*kept*), and what may be lost at which setting. *As every key* is
the first row. A change may also be refused, delayed or repeated: see its section. What each event is: [words](#words).

*WAIT by all* is what sessions, positions and limits can ask for (`wait_replicas`), and plans of one's own (`Confirm`):
everything else may lose at a failover what *stock* loses.
"""

OF_EVERY_KEY = """\
Proven on plain Strings, one command a change: in these events Redis makes no difference between keys, but that a policy
`volatile-*` takes only those that expire. What is several commands is one step by a script or a transaction; that it
stays one is proven key by key. Latency budgets through the layer: `state_budgets` ([latency](latency.md)).
"""

OF_ABLATIONS = """\
## Hardenings, each left out

Every scenario of a piece, with one of the piece's hardenings switched off, and how often that came out as it must: a
scenario that rests on it invalid, any other valid. So each carries what it is there for, and no more. 3 of 3 says that
at least 36% of all runs come out so, at 95% confidence. What is one step without a switch (keys of the engine, symbols
and the cache with their time to live; the environment in a key) has its naive twin only.
"""

NO_OWN = "What holds for [every key](#every-key), and no more.\n"

SECTIONS = {
    "sessions": (keys.SESSION,),
    "symbols": (keys.SYMBOL_METRIC, keys.CACHED),
    "credentials": (keys.API_KEYS,),
    "trading": (
        *(keys.POSITION, keys.DCA_COUNT, keys.ENTRY_PRICE, keys.POSITION_STATE),
        *(keys.TRADING_STATUS, keys.SETTINGS, keys.PREFERENCES, keys.STATS),
        *(keys.DEFAULT_SETTINGS, keys.USER_IDS, keys.EXCHANGE_USER),
    ),
    "manager": (keys.MANAGED, keys.TOKENS),
    "engine": (keys.PHYSICS, keys.SNAPSHOT, keys.AGENT, keys.LEADERBOARD),
    "queue": (keys.TASKS, keys.CONSUMERS, keys.DELIVERIES, keys.PROCESSING),
    "cache": (keys.ACCOUNT, keys.PRICE, keys.POSITIONS, keys.SYMBOL_SPEC, keys.LEASE),
    "limits": (keys.API_LIMIT, keys.ORDER_LIMIT),
    "locks": (keys.LOCK, keys.FENCE, keys.RESOURCE),
    "channels": (keys.SEQUENCE,),
}
"""The keys of a section, by the page in docs/state/ that is about them; keys of no page come last."""
