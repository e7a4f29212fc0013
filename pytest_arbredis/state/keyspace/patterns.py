"""Every pattern of the five designs, by name; and which one a key belongs to."""

from __future__ import annotations

from typing import Final

from pytest_arbredis.state.keyspace.pattern import KeyPattern

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S

# 1. Keyspace and session store
SESSION = KeyPattern(
    grammar="arbitrage:state:{env}:{session_id}:{category}",
    type="hash",
    design=1,
    holds="one category of a session",
    may_expire=True,
)
SYMBOL_METRIC = KeyPattern(
    grammar="arbitrage:metrics:{env}:{symbol}:{metric_type}",
    type="hash",
    design=1,
    holds="a metric of a symbol",
    ttl_s=7 * DAY_S,
)
CACHED = KeyPattern(
    grammar="arbitrage:cache:{env}:{cache_key}", type="string", design=1, holds="order books, spreads", ttl_s=HOUR_S
)

# 2. Two Redis
API_KEYS = KeyPattern(
    grammar="user:{user_id}:api:keys", type="hash", design=2, holds="a user's exchange credentials, encrypted"
)
SETTINGS = KeyPattern(
    grammar="user:{user_id}:settings", type="string", design=2, holds="a user's settings, JSON", may_expire=True
)
PREFERENCES = KeyPattern(grammar="user:{user_id}:preferences", type="hash", design=2, holds="a user's preferences")
TRADING_STATUS = KeyPattern(
    grammar="user:{user_id}:trading:status", type="string", design=2, holds="running, stopped or error"
)
STATS = KeyPattern(grammar="user:{user_id}:stats", type="hash", design=2, holds="a user's statistics")
POSITION = KeyPattern(
    grammar="user:{user_id}:position:{symbol}:{side}", type="hash", design=2, holds="one side of a position"
)
DCA_COUNT = KeyPattern(
    grammar="user:{user_id}:position:{symbol}:{side}:dca_count", type="string", design=2, holds="how often averaged"
)
ENTRY_PRICE = KeyPattern(
    grammar="user:{user_id}:position:{symbol}:{side}:entry_price", type="string", design=2, holds="the entry price"
)
POSITION_STATE = KeyPattern(
    grammar="user:{user_id}:position:{symbol}:position_state", type="string", design=2, holds="a position's phase"
)
DEFAULT_SETTINGS = KeyPattern(
    grammar="{exchange}:default_settings", type="hash", design=2, holds="settings of an exchange"
)
USER_IDS = KeyPattern(grammar="{exchange}:user_ids", type="set", design=2, holds="users of an exchange")
EXCHANGE_USER = KeyPattern(
    grammar="{exchange}:user:{user_id}:{rest}",
    type="string",
    design=2,
    holds="a user's things at an exchange",
    may_expire=True,
    also=("hash", "set"),
)
CELERY = KeyPattern(grammar="celery", type="list", design=2, holds="Celery's queue")
CELERY_TASK = KeyPattern(
    grammar="celery-task-meta-{task_id}", type="string", design=2, holds="the result of a task", ttl_s=HOUR_S
)
KOMBU_BINDING = KeyPattern(
    grammar="_kombu.binding.{kombu_part}", type="set", design=2, holds="queues of Celery's transport"
)
UNACKED = KeyPattern(grammar="unacked", type="hash", design=2, holds="Celery's tasks that a worker has")
UNACKED_INDEX = KeyPattern(grammar="unacked_index", type="zset", design=2, holds="since when a worker has them")
UNACKED_MUTEX = KeyPattern(grammar="unacked_mutex", type="string", design=2, holds="who restores them", may_expire=True)

# 3. State manager
MANAGED = KeyPattern(
    grammar="{mode}:{place}:{key_prefix}:{rest}",
    type="hash",
    design=3,
    holds="metrics, statistics, heartbeats",
    may_expire=True,
    also=("string",),
)

# 4. Physics and market engine
PHYSICS = KeyPattern(grammar="physics:state:{SYMBOL}", type="string", design=4, holds="a symbol's physics, JSON")
SNAPSHOT = KeyPattern(
    grammar="market:snapshot:{SYMBOL}", type="hash", design=4, holds="a market snapshot", ttl_s=MINUTE_S
)
AGENT = KeyPattern(grammar="agent:state:{agent_id}", type="string", design=4, holds="an agent's state", ttl_s=HOUR_S)
TASKS = KeyPattern(grammar="queue:tasks", type="list", design=4, holds="tasks to be done")
LEADERBOARD = KeyPattern(grammar="leaderboard:strategies", type="zset", design=4, holds="strategies by score")

# 5. Cache, channels and limits
ACCOUNT = KeyPattern(grammar="account:{account_id}", type="string", design=5, holds="an account", ttl_s=MINUTE_S)
PRICE = KeyPattern(grammar="price:{symbol}", type="string", design=5, holds="a price", ttl_s=1)
POSITIONS = KeyPattern(
    grammar="positions:{account_id}", type="string", design=5, holds="an account's positions", ttl_s=30
)
SYMBOL_SPEC = KeyPattern(
    grammar="symbol:{symbol}", type="string", design=5, holds="a symbol's specification", ttl_s=HOUR_S
)
LOGIN_SESSION = KeyPattern(
    grammar="session:{session_id}", type="string", design=5, holds="a login session", ttl_s=DAY_S
)
API_LIMIT = KeyPattern(
    grammar="ratelimit:api:{user_id}", type="zset", design=5, holds="requests of a user's window", ttl_s=MINUTE_S
)
ORDER_LIMIT = KeyPattern(
    grammar="ratelimit:orders:{account_id}", type="zset", design=5, holds="orders of an account's window", ttl_s=1
)

# What hardening adds
CONSUMERS = KeyPattern(
    grammar="queue:tasks:consumers", type="zset", design=4, holds="consumers, by when their lease ends"
)
DELIVERIES = KeyPattern(
    grammar="queue:tasks:deliveries", type="hash", design=4, holds="how often each unfinished task was given"
)
RESOURCE = KeyPattern(
    grammar="resource:{resource_name}", type="hash", design=2, holds="a value behind a fence, and its last token"
)
PROCESSING = KeyPattern(
    grammar="queue:tasks:{queue_part}",
    type="list",
    design=4,
    holds="tasks taken and not yet done, their leases",
    may_expire=True,
    also=("zset", "hash", "string"),
)
LOCK = KeyPattern(grammar="lock:{lock_name}", type="string", design=2, holds="who holds a lock", may_expire=True)
FENCE = KeyPattern(grammar="lock:{lock_name}:fence", type="hash", design=2, holds="the last fencing token given")
SEQUENCE = KeyPattern(
    grammar="channel:{channel_part}:{rest}", type="hash", design=4, holds="a channel's last number", may_expire=True
)
LEASE = KeyPattern(
    grammar="lease:{rest}", type="string", design=5, holds="who loads the value of a cached key", may_expire=True
)
TOKENS = KeyPattern(
    grammar="applied:{owner}:{token}", type="string", design=3, holds="a token of what was applied", ttl_s=DAY_S
)

ALL: Final[tuple[KeyPattern, ...]] = tuple(value for value in list(globals().values()) if isinstance(value, KeyPattern))
"""Every pattern above, in this order: where two match, the first is meant."""


_WITH_WORD: Final[dict[str, tuple[KeyPattern, ...]]] = {
    word: tuple(pattern for pattern in ALL if pattern.word == word) for word in {pattern.word or "" for pattern in ALL}
}
_WITHOUT_WORD: Final = tuple(pattern for pattern in ALL if pattern.word is None)


def pattern_of(key: str) -> tuple[KeyPattern, dict[str, str]] | None:
    """The pattern that `key` belongs to, with its parts; None if it breaks the grammar."""
    for patterns in (_WITH_WORD.get(key.partition(":")[0], ()), _WITHOUT_WORD):
        for pattern in patterns:
            parts = pattern.parse(key)
            if parts is not None:
                return pattern, parts
    return None
