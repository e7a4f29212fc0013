"""How a value is got, in steps that a driver of threads or of asyncio takes: nothing here waits, loads or sends.

A driver runs `AskRedis` (a `StateError` is thrown back in), does `Load` at its gate, waits for `Follow` and `Pause`.

How old may it be? A value in Redis was read from the database at most its TTL ago. One that was loaded by somebody else
while we waited is taken only if it was kept, so nobody had written until then; while Redis is away nobody can know, and
such a value may be as old as that load took.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_arbredis.state.cache import plans
from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.errors import CorruptedError, MisuseError, StateError
from pytest_arbredis.state.json_value import decoded, encoded

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.cache.desk import Desk
    from pytest_arbredis.state.cache.flights import Flight

FIRST_PAUSE_S = 0.005
LONGEST_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class AskRedis:
    """Run a plan; the answer is its result."""

    plan: Plan[Any]


@dataclass(frozen=True, slots=True)
class Load:
    """Ask the database; the answer is its value. What it raises goes through here to the caller."""


@dataclass(frozen=True, slots=True)
class Follow:
    """Wait for a load of somebody else in this process, `within_s` at most."""

    flight: Flight
    within_s: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Let so many seconds pass: another process loads."""

    seconds: float


Step = AskRedis | Load | Follow | Pause
Steps = Generator[Step, Any, Any]


def read(desk: Desk, key: str) -> Steps:
    """The value of `key`: from Redis, from somebody who is loading it, or from the database."""
    wait_until_ns = desk.clock.monotonic_ns() + int(desk.policy.wait_s * NS_PER_S)
    pause_s = FIRST_PAUSE_S
    while True:
        there = yield from settle_debts(desk)
        token = secrets.token_hex(8)
        flight: Flight | None
        found = (yield from _look(desk, key, token)) if there and not desk.owes(key) else None
        if found is None:
            flight, leads = desk.flights.join(key)
            if leads or "single-flight" in desk.without:
                return (yield from _load_alone(desk, key, flight if leads else None))
        elif found.raw is not None:
            try:
                return decoded(found.raw, key=key)
            except CorruptedError:  # a cache forgets what it cannot read
                yield from _try(plans.forget((key,)))
                continue
        elif found.leads:
            return (yield from _load_for_all(desk, key, token))
        elif "single-flight" in desk.without:
            return (yield from _load_beside(desk, key, token))
        else:
            flight = desk.flights.present(key)
            if flight is None:
                yield Pause(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        left_s = (wait_until_ns - desk.clock.monotonic_ns()) / NS_PER_S
        if left_s <= 0:
            return (yield Load())
        if flight is not None:
            yield Follow(flight, left_s)
            if flight.usable:
                return flight.value


def _look(desk: Desk, key: str, token: str) -> Generator[Step, Any, plans.Found | None]:
    """What Redis says; None if it says nothing."""
    try:
        found: plans.Found = yield AskRedis(plans.look(key, token, lease_ms=desk.lease_ms))
    except MisuseError:
        raise
    except StateError as error:
        desk.missed()
        if error.applied != "no":  # others would wait for who has the lease and does not know
            desk.hold(key, token)
        return None
    return found


def _load_for_all(desk: Desk, key: str, token: str) -> Steps:
    """Load with the lease, keep the value, and hand it to those who wait for it here."""
    flight = desk.flights.lead(key)
    value, kept = None, None
    try:
        try:
            value = yield Load()
            raw = _said(key, value)
        except GeneratorExit:
            raise
        except BaseException:
            if not (yield from _did(plans.give_up({(key, token)}))):
                desk.hold(key, token)
            raise
        desk.flights.close(key, flight)  # whoever begins after it was kept may begin after a write
        kept = yield from _keep(desk, key, token, raw)
        if kept is None:
            desk.hold(key, token)
    finally:
        desk.flights.land(key, flight, value, usable=kept is True)
    return value


def _load_alone(desk: Desk, key: str, flight: Flight | None) -> Steps:
    """Load while Redis says nothing."""
    value, loaded = None, False
    try:
        value = yield Load()
        loaded = True
    finally:
        if flight is not None:
            desk.flights.land(key, flight, value, usable=loaded)
    return value


def _load_beside(desk: Desk, key: str, token: str) -> Steps:
    """Load though another has the lease."""
    value = yield Load()
    yield from _keep(desk, key, token, _said(key, value))
    return value


def _said(key: str, value: object) -> bytes:
    """What is kept of a value. Raises `MisuseError`."""
    return encoded(value, of=f"what the database gave for {key}")


def _keep(desk: Desk, key: str, token: str, raw: bytes) -> Generator[Step, Any, bool | None]:
    """Whether Redis kept what was loaded; None if it said nothing."""
    ttl_ms = desk.ttl_ms(key)
    if "lease" in desk.without:
        kept: bool | None = yield from _try(plans.overwrite(key, token, raw, ttl_ms=ttl_ms))
        return kept
    kept = yield from _try(plans.fill(key, token, raw, ttl_ms=ttl_ms, lease_ms=desk.lease_ms))
    return kept


def settle_debts(desk: Desk) -> Generator[Step, Any, bool]:
    """Repeat what failed, before anything else is asked: invalidations, and leases that were to be given back.

    False if Redis still does not do that.
    """
    done = True
    if owed := desk.take_debts():
        done = False
        try:
            done = yield from _did(plans.forget(owed))
        finally:  # cancelled too
            desk.repeated(owed, done=done)
    if done and (held := desk.take_held()):
        done = False
        try:
            done = yield from _did(plans.give_up(held))
        finally:
            if not done:
                desk.hold_again(held)
    if not done:
        desk.missed()
    return done


def invalidate(desk: Desk, key: str) -> Generator[Step, Any, bool]:
    """Forget `key` after the database has changed; False if Redis did not say that it did: it is owed then."""
    desk.flights.forget(key)
    if "invalidate-on-write" in desk.without:
        return True
    done = False
    try:
        done = yield from _did(plans.forget((key,)))
    finally:  # cancelled too: the database has the new value
        if not done and "repeated-invalidation" not in desk.without:
            desk.owe((key,))
    return done


def _did(plan: Plan[None]) -> Generator[Step, Any, bool]:
    try:
        yield AskRedis(plan)
    except StateError:
        return False
    return True


def _try(plan: Plan[Any]) -> Steps:
    """What Redis says, or None: the caller has its value either way."""
    try:
        return (yield AskRedis(plan))
    except StateError:
        return None
