"""`Subscriber` and its asyncio twin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pytest_arbredis.state.channels import plans
from pytest_arbredis.state.channels.conversation import (
    Open,
    ReadCounters,
    Receive,
    Send,
    Shut,
    Step,
    Subscription,
    next_event,
    require_known_channels,
)
from pytest_arbredis.state.channels.events import Gap, Reset
from pytest_arbredis.state.clock import SYSTEM_CLOCK, Clock
from pytest_arbredis.state.errors import MisuseError, StateError
from pytest_arbredis.state.hardenings import NONE, Without, require_known

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_arbredis.state.channels.channel import Channel
    from pytest_arbredis.state.channels.events import Event
    from pytest_arbredis.state.connections.running import AsyncLine, Line, Runs, RunsAsync


def _subscription(channels: tuple[Channel, ...], heartbeat_s: float, clock: Clock, without: Without) -> Subscription:
    if not 0.01 <= heartbeat_s <= 3600:
        raise MisuseError(f"heartbeat_s={heartbeat_s!r}", remedy="give seconds from 0.01 to an hour")
    return Subscription(
        channels=require_known_channels(channels),
        heartbeat_s=heartbeat_s,
        clock=clock,
        without=require_known(without, plans.HARDENINGS),
    )


class Subscriber:
    """Receives the messages of some channels, and is told of all that it missed; for one thread.

    It subscribes at its first `receive`, and again whenever the connection is lost: also one that died without a sign,
    which shows after 2 x `heartbeat_s`, as long as `receive` is called. At each gap and reset `resync` is called with
    the channel's name, before the event is given: read there what state you keep. No messages are queued here: a
    subscriber that is slower than its channels is cut off by Redis (`client-output-buffer-limit pubsub`), and told of
    the gap.
    """

    def __init__(
        self,
        redis: Runs,
        *channels: Channel,
        heartbeat_s: float = 1.0,
        resync: Callable[[str], object] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        _without: Without = NONE,
    ) -> None:
        self._redis = redis
        self._known = _subscription(channels, heartbeat_s, clock, _without)
        self._resync = resync
        self._line: Line | None = None

    def receive(self, *, within_s: float = 1.0) -> Event | None:
        """The next message, gap or reset; None if there was none within `within_s`.

        Raises `UnavailableError` while there is no connection to be had: what is missed meanwhile is told of later.
        """
        talk = next_event(self._known, within_s=within_s)
        try:
            step = next(talk)
            while True:
                try:
                    reply = self._do(step)
                except StateError as error:
                    step = talk.throw(error)
                else:
                    step = talk.send(reply)
        except StopIteration as done:
            event: Event | None = done.value
        except BaseException:
            self.close()
            raise
        if self._resync is not None and isinstance(event, Gap | Reset):
            try:
                self._resync(event.channel)
            except BaseException:
                self._known.ready.appendleft(event)  # the next call tells of it again
                raise
        return event

    def _do(self, step: Step) -> Any:
        match step:
            case Open():
                self._line = self._redis.line(within_s=step.within_s)
            case ReadCounters():
                return self._redis.run(self._known.counters(), within_s=step.within_s)
            case Shut():
                self._hang_up()
            case Send() if self._line is not None:
                self._line.send(*step.args)
            case Receive() if self._line is not None:
                return self._line.receive(within_s=step.within_s)
        return None

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def close(self) -> None:
        """Unsubscribe; a later `receive` subscribes again, and tells what was missed."""
        self._known.connected = False
        self._hang_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncSubscriber:
    """As `Subscriber`, for one asyncio task; `resync` is awaited."""

    def __init__(
        self,
        redis: RunsAsync,
        *channels: Channel,
        heartbeat_s: float = 1.0,
        resync: Callable[[str], Awaitable[object]] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        _without: Without = NONE,
    ) -> None:
        self._redis = redis
        self._known = _subscription(channels, heartbeat_s, clock, _without)
        self._resync = resync
        self._line: AsyncLine | None = None

    async def receive(self, *, within_s: float = 1.0) -> Event | None:
        """As `Subscriber.receive`. A cancelled call ends the subscription; the next one subscribes again."""
        talk = next_event(self._known, within_s=within_s)
        try:
            step = next(talk)
            while True:
                try:
                    reply = await self._do(step)
                except StateError as error:
                    step = talk.throw(error)
                else:
                    step = talk.send(reply)
        except StopIteration as done:
            event: Event | None = done.value
        except BaseException:
            await self.close()
            raise
        if self._resync is not None and isinstance(event, Gap | Reset):
            try:
                await self._resync(event.channel)
            except BaseException:
                self._known.ready.appendleft(event)  # the next call tells of it again
                raise
        return event

    async def _do(self, step: Step) -> Any:
        match step:
            case Open():
                self._line = await self._redis.line(within_s=step.within_s)
            case ReadCounters():
                return await self._redis.run(self._known.counters(), within_s=step.within_s)
            case Shut():
                await self._hang_up()
            case Send() if self._line is not None:
                await self._line.send(*step.args)
            case Receive() if self._line is not None:
                return await self._line.receive(within_s=step.within_s)
        return None

    async def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    async def close(self) -> None:
        """As `Subscriber.close`."""
        self._known.connected = False
        await self._hang_up()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
