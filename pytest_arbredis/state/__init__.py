"""The state layer: what trading systems keep in Redis, hardened. It works without the harness and without pytest.

    from pytest_arbredis.state.connections.redis import StateRedis
    from pytest_arbredis.state.sessions.store import StateStore

    with StateRedis.from_url("redis://localhost:6380/0") as redis:
        StateStore(redis).save_state_to_redis("paper", "s-1", {"session": {"balance": 1000}})

It imports redis, orjson and, for credentials and metrics, the packages of its extra `state`.
"""

from __future__ import annotations
