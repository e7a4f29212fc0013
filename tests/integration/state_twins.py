"""The sync and the asyncio layer on one small server, so that one test can hold both to the same promises."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager

import redis

from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.redis import StateRedis

TWINS = ("sync", "asyncio")


class Blocking:
    """An asyncio object whose methods are waited for."""

    def __init__(self, target, runner):
        self._target = target
        self._runner = runner

    def __getattr__(self, name):
        method = getattr(self._target, name)
        return lambda *args, **kwargs: self._runner.run(method(*args, **kwargs))


@contextmanager
def connected(twin, port):
    """`make(sync class, asyncio class, *arguments)` gives an object on that server; and a plain client."""
    url = f"redis://127.0.0.1:{port}/0"
    with redis.Redis(port=port) as plain:
        plain.flushall()
        if twin == "sync":
            with StateRedis.from_url(url) as state:
                yield (lambda one, _, *args, **kwargs: one(state, *args, **kwargs)), plain
            return
        with asyncio.Runner() as runner:
            state = AsyncStateRedis.from_url(url)
            yield (lambda _, other, *args, **kwargs: Blocking(other(state, *args, **kwargs), runner)), plain
            runner.run(state.close())
