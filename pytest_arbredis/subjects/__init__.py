"""Adapters for what is tested: `subjects.sentinel(wait_replicas=2)`, `subjects.direct()`, …, imported when used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_arbredis.subjects.redis_py import direct, from_url, pool, sentinel

__all__ = ["direct", "from_url", "pool", "sentinel"]


def __getattr__(name: str) -> object:
    """A subject's factory, imported from its own file."""
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from pytest_arbredis.subjects import redis_py

    factory: object = getattr(redis_py, name)
    return factory
