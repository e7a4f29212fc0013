"""Adapters for what is tested: `subjects.sentinel()`, `subjects.process(["./bot"])`, …, imported when used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_arbredis.subjects.behind_breaker import guarded
    from pytest_arbredis.subjects.channels import pubsub
    from pytest_arbredis.subjects.json_lines import process
    from pytest_arbredis.subjects.redis_py import (
        async_direct,
        async_from_url,
        async_pool,
        async_sentinel,
        direct,
        from_url,
        pool,
        sentinel,
    )
    from pytest_arbredis.subjects.redis_py_objects import objects
    from pytest_arbredis.subjects.state.register import state_layer
    from pytest_arbredis.subjects.unattended import black_box

__all__ = [
    "async_direct",
    "async_from_url",
    "async_pool",
    "async_sentinel",
    "black_box",
    "direct",
    "from_url",
    "guarded",
    "objects",
    "pool",
    "process",
    "pubsub",
    "sentinel",
    "state_layer",
]

_ELSEWHERE = {
    "black_box": "unattended",
    "guarded": "behind_breaker",
    "objects": "redis_py_objects",
    "process": "json_lines",
    "pubsub": "channels",
    "state_layer": "state.register",
}


def __getattr__(name: str) -> object:
    """A subject's factory, imported from its own file."""
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    module = importlib.import_module(f"{__name__}.{_ELSEWHERE.get(name, 'redis_py')}")
    factory: object = getattr(module, name)
    globals()[name] = factory  # a module of the same name has just taken its place
    return factory
