"""Where the primary is: one address, or what Sentinels say.

After redis.io's guideline for Sentinel clients: ask with short time-outs, put the one that answered first, go on if it
does not know, check ROLE after connecting, ask again after a back-off. All of that within the call's deadline.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import redis

from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.connections.addresses import told
from pytest_arbredis.state.connections.handshake import before_anything, introduce
from pytest_arbredis.state.errors import (
    DeadlineExceededError,
    ServerRefusedError,
    StateError,
    UnavailableError,
    UnknownPrimaryError,
    UnreachableError,
)

if TYPE_CHECKING:
    import random

    from pytest_arbredis.state.asks import Arg, Reply
    from pytest_arbredis.state.connections.addresses import Address
    from pytest_arbredis.state.connections.backend import Backend, Wire
    from pytest_arbredis.state.connections.seat import Seat
    from pytest_arbredis.state.connections.settings import Settings
    from pytest_arbredis.state.connections.witness import Witness

_FIRST_PAUSE_S: Final = 0.02
_LONGEST_PAUSE_S: Final = 0.5
LAST_TRY_S: Final = 0.05
"""With less time left than this there is no further try: it would say that nobody answered, where nobody could."""


def pause_s(attempt: int, chance: random.Random) -> float:
    """Exponential back-off from 20 ms to 0.5 s, with full jitter upwards of its half; `attempt` counts from 0."""
    longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * float(2 ** min(attempt, 10)))
    return longest * (0.5 + chance.random() / 2)


class Primary:
    """Makes connections to the primary. `generation` counts primaries: connections of an earlier one are not used.

    One caller at a time asks the Sentinels; the others wait for what it finds.
    """

    def __init__(self, settings: Settings, backend: Backend, *, chance: random.Random, witness: Witness | None) -> None:
        self.settings = settings
        self.generation = 0
        self.found = 0
        """Counts the answers of Sentinels that were followed."""
        self._backend = backend
        self._chance = chance
        self._witness = witness
        self._sentinels = list(settings.sentinels)
        self._turn = backend.turn()
        self._known: Address | None = None
        self._last: Address | None = None
        self._kept: int = -1
        """The generation whose eviction policy was looked at."""
        self._asks_again = "primary-again" not in settings._without  # noqa: SLF001 - the private switch of the drills
        self._shares_time = "total-deadline" not in settings._without  # noqa: SLF001 - as above

    def doubt(self, found: int | None = None) -> None:
        """A connection ended: ask the Sentinels again before the next one is made, unless that was done since.

        `found` says which answer of theirs the connection came from.
        """
        if self._asks_again and found in {None, self.found}:
            self._known = None

    def gone(self, generation: int) -> None:
        """What was the primary in this generation is none any more: no connection to it is used again."""
        if self._asks_again and generation == self.generation:
            self.generation += 1
            self._known = None

    def forget(self) -> None:
        """In a forked child: whoever had the turn is a thread of the parent's."""
        self._turn = self._backend.turn()

    async def connect(self, expires_ns: int, seat: Seat | None = None) -> Wire:
        """A connection to the primary, ready to use, and put on `seat`. Raises `StateError`, `applied` "no"."""
        found, (wire, generation) = await self._connected(expires_ns)
        if seat is not None:
            seat.wire, seat.generation, seat.found = wire, generation, found
        return wire

    async def _connected(self, expires_ns: int) -> tuple[int, tuple[Wire, int]]:
        if not self.settings.sentinels:
            return self.found, await self._open(self.settings.address, expires_ns)
        attempt = 0
        unknown: UnknownPrimaryError | None = None
        while True:
            try:
                address = self._known or await self._find(expires_ns)
                found = self.found
                return found, await self._open(address, self._share_of(expires_ns))
            except UnavailableError as error:
                self.doubt()
                unknown = error if isinstance(error, UnknownPrimaryError) else unknown
                pause = pause_s(attempt, self._chance)
                now_ns = time.monotonic_ns()
                if now_ns + (pause + LAST_TRY_S) * NS_PER_S >= expires_ns:
                    late = now_ns >= expires_ns  # it was cut short, and says less than the one before
                    raise self._given_up((unknown if late else None) or error, attempt + 1) from error
            attempt += 1
            await self._backend.pause(pause)

    def _given_up(self, error: UnavailableError, attempts: int) -> UnavailableError:
        if isinstance(error, DeadlineExceededError) or error.applied != "no":
            return UnreachableError(f"no primary within the deadline, {attempts} tries; the last: {error.cause}")
        error.cause = f"{error.cause}; {attempts} tries until the deadline"
        return error

    def _share_of(self, expires_ns: int) -> int:
        """A candidate may use half of what is left, and at most `connect_timeout_s`: the next one needs time too."""
        now_ns = time.monotonic_ns()
        return now_ns + min((expires_ns - now_ns) // 2, int(self.settings.connect_timeout_s * NS_PER_S))

    async def _open(self, address: Address, expires_ns: int) -> tuple[Wire, int]:
        generation = self.generation
        settings = self.settings
        if not self._shares_time:
            expires_ns = time.monotonic_ns() + int(settings.connect_timeout_s * NS_PER_S)
        expires_ns = min(expires_ns, time.monotonic_ns() + int(settings.connect_timeout_s * NS_PER_S))
        if self._witness is not None:
            self._witness.dialled(address)
        wire = await self._backend.dial(address, tls=settings.tls, expires_ns=expires_ns)
        try:
            asks_role = bool(settings.sentinels)
            asks_policy = settings.keeps_state and self._kept != generation
            await introduce(wire, settings, expires_ns, primary=asks_role, policy=asks_policy)
        except BaseException:
            wire.end()
            raise
        if asks_policy:
            self._kept = generation
        return wire, generation

    async def _find(self, expires_ns: int) -> Address:
        """What the first Sentinel says that knows a primary."""
        if not await self._turn.begin(expires_ns):
            raise DeadlineExceededError(
                "the deadline passed while another call asked the Sentinels",
                remedy="look whether the Sentinels answer",
                applied="no",
            )
        try:
            address = self._known
            if address is None:
                address = await self._ask_all(expires_ns)
                self._settle(address)
            return address
        finally:
            self._turn.finish()

    def _settle(self, address: Address) -> None:
        if self._last is not None and address != self._last:
            self.generation += 1
        self._known = self._last = address
        self.found += 1

    async def _ask_all(self, expires_ns: int) -> Address:
        answered = 0
        last: StateError | None = None
        for sentinel in tuple(self._sentinels):
            try:
                address = await self._ask(sentinel, expires_ns)
            except StateError as error:
                last = error
                continue
            answered += 1
            if address is not None:
                self._sentinels.remove(sentinel)
                self._sentinels.insert(0, sentinel)
                return address
        if answered:
            raise UnknownPrimaryError(
                f"no Sentinel of {answered} that answered knows a primary named {self.settings.master_name!r}",
                remedy="check the name, or wait for the failover",
            )
        raise UnreachableError(
            f"none of {len(self._sentinels)} Sentinels answered; the last: {last.cause if last else 'there are none'}",
            remedy="check their addresses",
        )

    async def _ask(self, sentinel: Address, expires_ns: int) -> Address | None:
        limit_s = self.settings.sentinel_timeout_s if self._shares_time else self.settings.connect_timeout_s
        until_ns = time.monotonic_ns() + int(limit_s * NS_PER_S)
        if self._shares_time:
            until_ns = min(until_ns, expires_ns)
        reply = await ask_sentinel(self._backend, self.settings, sentinel, "GET-MASTER-ADDR-BY-NAME", until_ns)
        if not (isinstance(reply, list) and len(reply) == 2):
            return None
        return bytes(reply[0]).decode(), int(reply[1])


async def ask_sentinel(backend: Backend, settings: Settings, sentinel: Address, what: str, expires_ns: int) -> Reply:
    """What a Sentinel says of the primary by SENTINEL `what`, on a connection of its own. Raises `UnavailableError`."""
    wire = await backend.dial(sentinel, tls=False, expires_ns=expires_ns)
    commands: list[tuple[Arg, ...]] = [("SENTINEL", what, settings.master_name)]
    if settings.sentinel_password is not None:
        user = settings.sentinel_username
        commands.insert(0, ("AUTH", *(() if user is None else (user,)), settings.sentinel_password))
    try:
        reply = (await before_anything(wire, commands, expires_ns))[-1]
    finally:
        wire.end()
    if isinstance(reply, redis.ResponseError):
        raise ServerRefusedError(f"Sentinel {told(sentinel)} says {reply}", applied="no")
    return reply
