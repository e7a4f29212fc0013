"""A probe's write through the proxy: is it refused, and with which word?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_arbredis.topology.node import Node

PROBE = "arbredis:probe"


def refusal(node: Node, *, size: int = 1) -> str:
    """The first word of the error that refuses a write of `size` bytes, such as `OOM` or `READONLY`.

    Empty if the write was applied (it is removed again) or nothing answered.
    """
    import redis

    client = node.connect_through()
    try:
        client.set(PROBE, b"\x00" * size)
        client.delete(PROBE)
    except redis.exceptions.OutOfMemoryError:  # redis-py takes the word away where it has a class for it
        return "OOM"
    except redis.exceptions.ReadOnlyError:
        return "READONLY"
    except redis.ResponseError as error:
        return str(error).partition(" ")[0]
    except redis.RedisError:
        return ""
    finally:
        client.close()
    return ""
