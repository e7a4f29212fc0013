"""redis-py's parsers of RESP2, told to hand over every error as its text: the first word is what translation needs.

redis-py raises some replies (LOADING, NOAUTH, …) as lost connections, and strips their first word; these do neither.
"""

from __future__ import annotations

from typing import Any

import redis
from redis._parsers import _AsyncHiredisParser, _AsyncRESP2Parser, _HiredisParser, _RESP2Parser


def _as_text(response: str) -> redis.ResponseError:
    return redis.ResponseError(response)


def _parser(fast: type[Any], plain: type[Any]) -> type[Any]:
    try:
        import hiredis  # noqa: F401
    except ImportError:
        chosen = plain
    else:
        chosen = fast
    return type(f"Plain{chosen.__name__}", (chosen,), {"parse_error": staticmethod(_as_text)})


BlockingParser = _parser(_HiredisParser, _RESP2Parser)
"""For `redis.Connection`."""

AsyncioParser = _parser(_AsyncHiredisParser, _AsyncRESP2Parser)
"""For `redis.asyncio.Connection`."""
