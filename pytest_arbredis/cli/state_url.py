"""The Redis that a command of the state layer works on: its address, its password, and what its errors are to us."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_arbredis.errors import HarnessError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.state.connections.redis import StateRedis


@contextlib.contextmanager
def state_at(url: str) -> Iterator[StateRedis]:
    """A connection to `url`; the password of REDIS_PASSWORD, if the address has none.

    Wrong arguments become `UsageError`, and everything that Redis did or did not do `HarnessError`.
    """
    from pytest_arbredis.state.connections.redis import StateRedis
    from pytest_arbredis.state.errors import MisuseError, StateError

    try:
        redis = StateRedis.from_url(url)
    except (MisuseError, ValueError) as error:
        raise UsageError(f"this is no address of a Redis: {error}", remedy="as in redis://localhost:6380/0") from error
    redis.close()
    password = redis.settings.password or os.environ.get("REDIS_PASSWORD")
    redis = StateRedis(replace(redis.settings, password=password, keeps_state=False, breaker=None))
    try:
        with redis:
            yield redis
    except MisuseError as error:
        raise UsageError(error.cause, remedy=error.remedy) from error
    except StateError as error:
        remedy = error.remedy or "look whether it runs, and listens there; its password goes into REDIS_PASSWORD"
        raise HarnessError(f"{type(error).__name__}: {error.cause}", remedy=remedy) from error
