"""The breaker: who is let in, what is counted, and when it moves."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.breaker.delivery import Delivery
from pytest_arbredis.state.breaker.outcomes import Outcome, OutcomeOf, outcome_of
from pytest_arbredis.state.breaker.permit import Permit
from pytest_arbredis.state.breaker.policy import BreakerPolicy
from pytest_arbredis.state.breaker.snapshot import Snapshot
from pytest_arbredis.state.breaker.spell import Spell
from pytest_arbredis.state.breaker.transition import Listener, State, Transition
from pytest_arbredis.state.breaker.window import Tally, Window
from pytest_arbredis.state.clock import NS_PER_MS, NS_PER_S, SYSTEM_CLOCK
from pytest_arbredis.state.errors import CircuitOpenError
from pytest_arbredis.state.hardenings import NONE, require_known

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.state.clock import Clock
    from pytest_arbredis.state.hardenings import Without

HARDENINGS: Final = frozenset({"probe-limit", "late-results-ignored", "monotonic-clock"})

_NEVER_NS: Final = 1 << 62


class Breaker:
    """One breaker for any number of threads and event loops.

        with breaker.enter() as permit:   # raises CircuitOpenError
            reply = ask()                 # no lock is held here

    A call belongs to the spell in which it was let in: what it says after the breaker has moved on changes nothing.

    **The fast path takes no lock.** While closed, `enter` reads the present spell, stamps the time, and reads the spell
    again; where both are the same the stamp lies within it. A move first takes the spell away, then stamps, then puts
    the new one in place; whoever meets it half way goes to the lock. So `entered_ns` and the moves' `at_ns` are in one
    order. Under the GIL that is plain; without it, loads and stores of one attribute are atomic and ordered, the only
    things that are asked here, and counts are raised by one step of C each (`Tally`), or under the lock. A success
    that overtakes a failure of another thread by nanoseconds is counted before it, as if it had ended before.

    The lock is held for microseconds, never while the guarded call or a listener runs.
    """

    def __init__(
        self,
        policy: BreakerPolicy | None = None,
        *,
        id: str = "redis",
        clock: Clock = SYSTEM_CLOCK,
        judge: OutcomeOf = outcome_of,
        _without: Without = NONE,
    ) -> None:
        without = require_known(_without, HARDENINGS)
        self.policy: Final = BreakerPolicy() if policy is None else policy
        self.id: Final = id
        self.judge: Final = judge
        self._now_ns: Callable[[], int] = clock.monotonic_ns
        self._timer_ns = clock.wall_ns if "monotonic-clock" in without else clock.monotonic_ns
        self._limits_probes = "probe-limit" not in without
        self._heeds_late = "late-results-ignored" in without
        self._watches_rates = self.policy.failure_rate is not None or self.policy.slow_rate is not None
        self._slow_ns = _NEVER_NS if self.policy.slow_rate is None else int(self.policy.slow_ms * NS_PER_MS)
        self._lock = threading.Lock()
        self._seq = 0
        self._rejected = Tally()
        self._deliveries: tuple[Delivery, ...] = ()
        self._moving = Spell(self, State.OPEN, until_ns=0)
        self._present = self._new(State.CLOSED)
        """What is true, under the lock."""
        self._spell = self._present
        """What the fast path sees: the present one, or `_moving`."""

    def enter(self) -> Permit:
        """A permit for one call; raises `CircuitOpenError` if none is to be made now."""
        spell = self._spell
        now_ns = self._now_ns()
        if spell.closed and self._spell is spell:
            return Permit(spell, now_ns)
        return self._enter_otherwise(spell)

    @property
    def state(self) -> State:
        """The state it is in. Open ends with the first call after its time, not by itself."""
        spell = self._spell
        if spell is not self._moving:
            return spell.state
        with self._lock:
            return self._present.state

    def snapshot(self) -> Snapshot:
        """How it stands."""
        with self._lock:
            spell = self._present
            calls, failed, slow = (0, 0, 0) if spell.window is None else spell.window.totals(self._now_ns())
            left_ns = max(0, spell.until_ns - self._timer_ns()) if spell.state is State.OPEN else 0
            return Snapshot(
                id=self.id,
                state=spell.state,
                transitions=self._seq,
                failures_in_a_row=spell.failures,
                calls=calls,
                failed=failed,
                slow=slow,
                rejected=self._rejected.read(),
                probes_under_way=len(spell.under_way),
                retry_in_s=left_ns / NS_PER_S,
                listener_errors=sum(delivery.errors for delivery in self._deliveries),
            )

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every transition from now on, in order, in a thread of its own; gives what ends that.

        Slow or raising, it keeps no call and no other listener waiting (`delivery.py`).
        """
        delivery = Delivery(listener)
        with self._lock:
            self._deliveries = (*self._deliveries, delivery)

        def stop() -> None:
            with self._lock:
                self._deliveries = tuple(other for other in self._deliveries if other is not delivery)

        return stop

    def delivered(self, within_s: float = 1.0) -> bool:
        """Whether every listener has been told of every transition so far; waits up to `within_s` for each of them."""
        return all(delivery.delivered(within_s) for delivery in self._deliveries)

    def force_open(self, why: str = "by an operator") -> bool:
        """Open it now, for the policy's `open_s`; False if it is open already, which changes nothing."""
        return self._force(State.OPEN, f"forced open {why}")

    def force_close(self, why: str = "by an operator") -> bool:
        """Close it now; False if it is closed already, which changes nothing."""
        return self._force(State.CLOSED, f"forced closed {why}")

    def settle(self, spell: Spell, permit: Permit, outcome: Outcome, cause: str) -> None:
        """Count what became of a call that was let in during `spell`: permits call this, nobody else."""
        now_ns = self._now_ns()
        slow = now_ns - permit.entered_ns >= self._slow_ns and outcome is not Outcome.IGNORED
        if spell.closed and not slow and outcome is Outcome.SUCCEEDED:
            if spell.window is not None:
                spell.window.called(now_ns)
            if not spell.failures:
                return
            with self._lock:
                spell.failures = 0
            return
        with self._lock:
            present = self._present
            if spell is not present:
                if self._heeds_late:
                    self._settle_late(present, spell, outcome, cause)
            elif spell.closed:
                self._settle_closed(spell, outcome, cause, slow=slow, now_ns=now_ns)
            elif permit in spell.under_way:
                self._settle_probe(spell, permit, outcome, cause, slow=slow)
        self._tell()

    def _enter_otherwise(self, spell: Spell) -> Permit:
        left_ns = spell.until_ns - self._timer_ns()
        if left_ns <= 0:  # only an open spell has an end, which never moves: no lock to say no
            with self._lock:
                permit, left_ns = self._admit()
            self._tell()
            if permit is not None:
                return permit
        self._rejected.add()
        raise CircuitOpenError(self.id, left_ns)

    def _admit(self) -> tuple[Permit | None, int]:
        """A permit, or how long to wait; under the lock."""
        spell = self._spell = self._present
        if spell.state is State.OPEN:
            left_ns = spell.until_ns - self._timer_ns()
            if left_ns > 0:
                return None, left_ns
            spell = self._move(State.HALF_OPEN, "time-out elapsed")
        if spell.state is State.CLOSED:
            return Permit(spell, self._now_ns()), 0
        if not self._has_place(spell):
            timer_ns = self._timer_ns()
            if not any(ends_ns <= timer_ns for ends_ns in spell.under_way.values()):
                return None, 0
            lease_s = self.policy.probe_lease_s
            spell = self._move(State.OPEN, f"a probe failed to say anything for {lease_s:g} s")
            return None, spell.until_ns - timer_ns
        permit = Permit(spell, self._now_ns())
        spell.under_way[permit] = self._timer_ns() + int(self.policy.probe_lease_s * NS_PER_S)
        spell.let_in += 1
        return permit, 0

    def _has_place(self, spell: Spell) -> bool:
        policy = self.policy
        few = policy.probes is None or spell.let_in < policy.probes
        return not self._limits_probes or (few and len(spell.under_way) < policy.probes_at_once)

    def _settle_closed(self, spell: Spell, outcome: Outcome, cause: str, *, slow: bool, now_ns: int) -> None:
        if outcome is Outcome.IGNORED:
            return
        failed = outcome is Outcome.FAILED
        spell.failures = spell.failures + 1 if failed else 0
        if spell.window is not None:
            bucket = spell.window.called(now_ns)
            bucket.failed += failed
            bucket.slow += slow
        why = self._why_open(spell, cause, now_ns)
        if why:
            self._move(State.OPEN, why)

    def _why_open(self, spell: Spell, cause: str, now_ns: int) -> str:
        """What opens a closed breaker now; empty if nothing does."""
        policy = self.policy
        if policy.failures is not None and spell.failures >= policy.failures:
            return f"failures in a row: {spell.failures}, the last {cause}"
        if spell.window is None:
            return ""
        calls, failed, slow = spell.window.totals(now_ns)
        if calls < policy.minimum_calls:
            return ""
        if policy.failure_rate is not None and failed >= policy.failure_rate * calls:
            return f"failure rate: {failed} of {calls} calls in {policy.window_s:g} s"
        if policy.slow_rate is not None and slow >= policy.slow_rate * calls:
            return f"slow calls: {slow} of {calls} in {policy.window_s:g} s took {policy.slow_ms:g} ms or longer"
        return ""

    def _settle_probe(self, spell: Spell, permit: Permit, outcome: Outcome, cause: str, *, slow: bool) -> None:
        del spell.under_way[permit]
        if outcome is Outcome.IGNORED:
            spell.let_in -= 1
        elif outcome is Outcome.FAILED:
            self._move(State.OPEN, f"a probe failed: {cause}")
        elif slow:
            self._move(State.OPEN, f"a probe was slow: {self.policy.slow_ms:g} ms or longer")
        else:
            spell.successes += 1
            if spell.successes >= self.policy.successes_to_close:
                self._move(State.CLOSED, f"success of probes: {spell.successes}")

    def _settle_late(self, present: Spell, spell: Spell, outcome: Outcome, cause: str) -> None:
        """The ablation: a probe's word counts, whenever it comes."""
        if spell.closed or outcome is Outcome.IGNORED:
            return
        if outcome is Outcome.FAILED and present.state is not State.OPEN:
            self._move(State.OPEN, f"failure: {cause}")
        elif outcome is Outcome.SUCCEEDED and present.state is State.HALF_OPEN:
            self._move(State.CLOSED, "success")

    def _force(self, target: State, cause: str) -> bool:
        with self._lock:
            moved = self._present.state is not target
            if moved:
                self._move(target, cause)
        self._tell()
        return moved

    def _move(self, target: State, cause: str) -> Spell:
        """To another state; under the lock. What is published in between sends every caller to the lock."""
        source = self._present.state
        self._spell = self._moving
        at_ns = self._now_ns()
        self._seq += 1
        told = Transition(id=self.id, seq=self._seq, source=source, target=target, cause=cause, at_ns=at_ns)
        for delivery in self._deliveries:
            delivery.put(told)
        self._present = self._new(target)
        self._spell = self._present
        return self._present

    def _new(self, state: State) -> Spell:
        if state is State.CLOSED:
            window = Window(int(self.policy.window_s * NS_PER_S)) if self._watches_rates else None
            return Spell(self, state, window=window, quiet=window is None)
        until_ns = self._timer_ns() + int(self.policy.open_s * NS_PER_S) if state is State.OPEN else 0
        return Spell(self, state, until_ns=until_ns)

    def _tell(self) -> None:
        for delivery in self._deliveries:
            delivery.wake()
