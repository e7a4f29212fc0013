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

HARDENINGS: Final = frozenset({"sequence-numbers", "counter-read-on-resubscribe", "scope"})
"""`sequence-numbers`: each message has a number, so that a missing one is seen.

`counter-read-on-resubscribe`: the last number is read after each subscription and with each sign of life, so that a
missing message is seen though no other follows.

`scope`: the name on the wire begins with the channel's scope, as publish and subscribe knows no databases.
"""

EPOCH: Final = "string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')"
"""The replication id: another one after each promotion, and after a restart."""

PUBLISH: Final = Script(
    "channel publish",
    "local epoch = "
    + EPOCH
    + """
local number = redis.call('HINCRBY', KEYS[1], 'number', 1)
local born = redis.call('HGET', KEYS[1], 'born')
if not born then
  local now = redis.call('TIME')
  born = now[1] .. '.' .. now[2]
end
redis.call('HSET', KEYS[1], 'epoch', epoch, 'born', born, 'last', ARGV[2])
local said = string.format('{"number":%.0f,"epoch":"%s","born":"%s","data":', number, epoch, born) .. ARGV[2] .. '}'
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
for _, key in ipairs(KEYS) do
  local told = redis.call('HMGET', key, 'number', 'born')
  found[#found + 1] = tonumber(told[1] or '0')
  found[#found + 1] = told[2] or ''
end
return found
""",
)
"""KEYS Hashes of channels: the server's epoch, then of each its last number, and when it was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The number that a message was given (None without numbers), and how many connections received it."""

    number: int | None
    receivers: int


def on_the_wire(channel: Channel, *, without: Without) -> str:
    """The name that Redis knows."""
    return ":".join(channel.parts) if "scope" in without else channel.wire


def publish(channel: Channel, data: object, *, without: Without) -> Plan[Published]:
    """Publish a message, and keep it as the channel's last."""
    wire = on_the_wire(channel, without=without)
    said = encoded(data, of=f"a message of {wire}")
    if "sequence-numbers" in without:
        bare = orjson.dumps({"data": data})
        return Published(number=None, receivers=int((yield Command("PUBLISH", wire, bare))))
    number, receivers = yield Call(PUBLISH, (channel.key,), (wire, said))
    return Published(number=int(number), receivers=int(receivers))


def counters(channels: Sequence[Channel], *, without: Without) -> Plan[dict[str, Counter]]:
    """The last number of each channel, by its name on the wire, in the present epoch."""
    epoch, *told = yield Call(COUNTERS, tuple(channel.key for channel in channels))
    return {
        on_the_wire(channel, without=without): Counter(epoch=epoch.decode(), number=int(number), born=born.decode())
        for channel, number, born in zip(channels, told[::2], told[1::2], strict=True)
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
        counter = Counter(epoch=told["epoch"], number=int(told["number"]), born=told["born"])
        return counter, told["data"]
    except (ValueError, KeyError, TypeError):  # whose texts show the message
        raise CorruptedError("a message is none of this layer's", remedy="publish by `Publisher`") from None
