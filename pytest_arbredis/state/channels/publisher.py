"""`Publisher` and its asyncio twin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_arbredis.state.channels import plans
from pytest_arbredis.state.hardenings import NONE, Without, require_known

if TYPE_CHECKING:
    from pytest_arbredis.state.channels.channel import Channel
    from pytest_arbredis.state.channels.plans import Published
    from pytest_arbredis.state.connections.running import Runs, RunsAsync


class Publisher:
    """Publishes with sequence numbers; any number of publishers may share a channel.

    Redis keeps no message for a subscriber that is not there. Each subscriber learns of each message that it missed.
    """

    def __init__(self, redis: Runs, *, _without: Without = NONE) -> None:
        self._redis = redis
        self._without = require_known(_without, plans.HARDENINGS)

    def publish(self, channel: Channel, data: object, *, within_s: float | None = None) -> Published:
        """Publish, and keep it as the channel's last message. Raises `MisuseError` for what cannot be JSON."""
        return self._redis.run(plans.publish(channel, data, without=self._without), within_s=within_s)

    def last(self, channel: Channel, *, within_s: float | None = None) -> Any:
        """The channel's last message, None if there was none."""
        return self._redis.run(plans.last(channel), within_s=within_s)


class AsyncPublisher:
    """As `Publisher`, for asyncio."""

    def __init__(self, redis: RunsAsync, *, _without: Without = NONE) -> None:
        self._redis = redis
        self._without = require_known(_without, plans.HARDENINGS)

    async def publish(self, channel: Channel, data: object, *, within_s: float | None = None) -> Published:
        """As `Publisher.publish`."""
        return await self._redis.run(plans.publish(channel, data, without=self._without), within_s=within_s)

    async def last(self, channel: Channel, *, within_s: float | None = None) -> Any:
        """As `Publisher.last`."""
        return await self._redis.run(plans.last(channel), within_s=within_s)
