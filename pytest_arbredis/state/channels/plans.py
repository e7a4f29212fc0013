"""What channels ask of Redis: to publish with a number, and to tell the last one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from pytest_arbredis.state.asks import Call, Command
from pytest_arbredis.state.channels.tracking import Counter
from pytest_arbredis.state.errors import CorruptedError
from pytest_arbredis.state.json_value import decoded, encoded
from pytest_arbredis.state.scripts import Script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.channels.channel import Channel
    from pytest_arbredis.state.hardenings import Without

HARDENINGS: Final = frozenset({"sequence-numbers", "counter-read-on-resubscribe"})
"""`sequence-numbers`: each message has a number, so that a missing one is seen.

`counter-read-on-resubscribe`: the last number is read after each subscription and with each sign of life, so that a
missing message is seen though no other follows.
"""

EPOCH: Final = "string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')"
"""The replication id: another one after each promotion, and after a restart."""

PUBLISH: Final = Script(
    "channel publish",
    "local epoch = "
    + EPOCH
    + """
local number = redis.call('HINCRBY', KEYS[1], 'number', 1)
redis.call('HSET', KEYS[1], 'epoch', epoch, 'last', ARGV[2])
local said = string.format('{"number":%.0f,"epoch":"%s","data":', number, epoch) .. ARGV[2] .. '}'
return {number, redis.call('PUBLISH', ARGV[1], said)}
""",
)
"""KEYS the channel's Hash; ARGV its name, the message as JSON. Its number, and how many received it."""

COUNTERS: Final = Script(
    "channel counters",
    "local epoch = "
    + EPOCH
    + """
local found = {epoch}
for _, key in ipairs(KEYS) do found[#found + 1] = tonumber(redis.call('HGET', key, 'number') or '0') end
return found
""",
)
"""KEYS Hashes of channels: the server's epoch, and the last number of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The number that a message was given (None without numbers), and how many connections received it."""

    number: int | None
    receivers: int


def publish(channel: Channel, data: object, *, without: Without) -> Plan[Published]:
    """Publish a message, and keep it as the channel's last."""
    said = encoded(data, of=f"a message of {channel.wire}")
    if "sequence-numbers" in without:
        bare = orjson.dumps({"data": data})
        return Published(number=None, receivers=int((yield Command("PUBLISH", channel.wire, bare))))
    number, receivers = yield Call(PUBLISH, (channel.key,), (channel.wire, said))
    return Published(number=int(number), receivers=int(receivers))


def counters(channels: Sequence[Channel]) -> Plan[dict[str, Counter]]:
    """The last number of each channel, by its name on the wire, in the present epoch."""
    epoch, *numbers = yield Call(COUNTERS, tuple(channel.key for channel in channels))
    return {
        channel.wire: Counter(epoch=epoch.decode(), number=int(number))
        for channel, number in zip(channels, numbers, strict=True)
    }


def last(channel: Channel) -> Plan[Any]:
    """The last message that was published on a channel, None if there was none: what a resync may start from."""
    raw = yield Command("HGET", channel.key, "last")
    return None if raw is None else decoded(raw, key=channel.key)


def heard(raw: bytes) -> tuple[Counter | None, Any]:
    """The counter and the data of what came on the wire; the counter is None if it has no number."""
    try:
        told = orjson.loads(raw)
        if "number" not in told:
            return None, told["data"]
        return Counter(epoch=told["epoch"], number=int(told["number"])), told["data"]
    except (ValueError, KeyError, TypeError):  # whose texts show the message
        raise CorruptedError("a message is none of this layer's", remedy="publish by `Publisher`") from None
