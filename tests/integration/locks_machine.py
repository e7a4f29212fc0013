"""Any sequence of holders, late ones, lost replies and failovers to replicas that lag: the tokens say who is heard.

The resource is in a database of its own, which no failover loses. Time passes for holders and for Redis at once; the
replica that is promoted has a clock that is behind: locks that had ended are there again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from lossy import Lossy

from pytest_arbredis.state import errors
from pytest_arbredis.state.locks.lock import FencedLock, FencedResource
from pytest_arbredis.state.locks.reign import Reign
from pytest_arbredis.state.locks.token import Token

LOCK, FENCE = "lock:x", "lock:x:fence"
TTL_S = 6000
CLIENTS, NUMBERS = st.integers(0, 2), st.sampled_from([-1, -1, *range(5)])
FAULTS = st.sampled_from(["", "", "lost", "lost", "no memory", "no scripts", "lost, no memory", "lost, no scripts"])
VIEWS = st.sampled_from(["present", "any server", "another server", "behind"])
ANOTHER = "0" * 40


@dataclass
class Client:
    """A client's clock, and what the Sentinels tell it."""

    ahead_s: float
    reign: Reign | None = None

    def monotonic_ns(self):
        return time.monotonic_ns() + int(self.ahead_s * 1e9)

    def present(self):
        return self.reign


def machine_on(redis, other, plain, without=frozenset()):
    run_id = plain.info("server")["run_id"]

    class Locks(RuleBasedStateMachine):
        """`holder` (owner, token) and `fence` are what Redis has, `copy` what a replica that lags has of it."""

        @initialize()
        def begin(self):
            plain.flushall()
            self.lossy = Lossy(redis)
            self.other = Lossy(other)
            self.resource = FencedResource(self.other, "r", _without=without)
            self.clients = [Client(ahead_s) for ahead_s in (0, 1e6, -1e6)]
            self.locks = [self.lock_of(client, "x") for client in self.clients]
            self.pending = [None] * 3  # the owner of what may have been acquired
            self.held, self.sure, self.given = [], set(), [Token(-1, -1)]
            self.epoch, self.holder, self.fence, self.copy = 1, None, None, (None, None)
            self.written = (None, None)

        @rule(who=CLIENTS, view=VIEWS, faults=FAULTS)
        def acquire(self, who, view, faults):
            right = self.answer(self.pending[who], self.sees(who, view), faults)
            told = self.ask(faults, self.locks[who].acquire)
            if not isinstance(right, Token):
                assert type(told) is ends(right, faults)
                self.pending[who] = None if type(told) is errors.ConflictError else self.pending[who]
                return
            if right != self.given[-1]:  # which is found again
                assert right > self.given[-1]
                self.given.append(right)
                self.fence = right
            owner = plain.get(LOCK).decode().partition("|")[0]
            self.holder = (owner, right)
            if type(told) is errors.ConnectionLostError:
                assert "lost" in faults
                self.pending[who] = owner
                return
            assert (told.token, told.owner) == (right, self.pending[who] or owner)
            assert owner not in [held.owner for _, held in self.held]
            self.pending[who] = None
            self.held.append((who, told))
            self.sure.add(owner)

        @precondition(lambda self: self.held)
        @rule(number=NUMBERS, faults=FAULTS, end=st.booleans())
        def release_or_extend(self, number, faults, end):
            """Whoever has ever held it, and may come late."""
            self.time_passes(0 if end else 0.495)
            who, held = self.held[number % len(self.held)]
            has_it, lock = self.has_it(held), self.locks[who]
            told = self.ask(faults, lambda: lock.release(held) if end else lock.extend(held))
            if "lost" in faults:
                assert type(told) is errors.ConnectionLostError
            elif end:
                assert told is has_it
            elif not has_it:
                assert type(told) is errors.ConflictError
            else:
                assert (told.token, told.lost) == (held.token, False)
                self.held[number % len(self.held)] = (who, told)
            if end:
                self.sure.discard(held.owner)
                self.holder = None if has_it else self.holder

        @precondition(lambda self: self.held)
        @rule(number=NUMBERS, faults=FAULTS)
        def write(self, number, faults):
            """As above."""
            token, value = self.held[number % len(self.held)][1].token, b"%d" % number
            late = self.written[1] is not None and token < self.written[1]
            right = errors.ConflictError if late else errors.OutOfMemoryError if "no memory" in faults else None
            told = self.ask(faults, lambda: self.resource.write(token, value))
            assert type(told) is ends(right or type(None), faults)
            self.written = self.written if right else (value, token)

        @rule(share=st.sampled_from([0.495, 0.992, 1.0, 1.0]))
        def time_passes(self, share):
            for client in self.clients:
                client.ahead_s += share * TTL_S
            ttl_ms, passed_ms = plain.pttl(LOCK), int(share * TTL_S * 1000)
            plain.pexpire(LOCK, ttl_ms - passed_ms)
            if ttl_ms <= passed_ms:
                assert all(held.lost for _, held in self.held if self.has_it(held))
                self.holder = None

        @rule(who=CLIENTS)
        def the_next_comes_and_writes(self, who):
            self.time_passes(1.0)
            self.acquire(who, "present", "")
            self.write(-1, "")

        @precondition(lambda self: any(self.pending))
        @rule(brought_back=st.booleans(), faults=FAULTS)
        def who_had_no_reply_asks_again(self, brought_back, faults):
            who = next(who for who, owner in enumerate(self.pending) if owner)
            if brought_back:
                self.fail_over("copy")
                self.the_next_comes_and_writes((who + 1) % 3)
                self.fail_over("loses")
            self.time_passes(0.495)
            self.acquire(who, "present", faults)
            self.acquire(who, "present", "")

        @rule(fails=st.sampled_from(["copy", "loses", "loses all"]))
        def fail_over(self, fails):
            if fails == "copy":
                self.copy = (self.holder, self.fence)
                return
            self.epoch += 1
            self.sure = set()
            self.holder, self.fence = self.copy if fails == "loses" else (None, None)
            plain.flushdb()
            if self.fence:
                plain.hset(FENCE, mapping=self.fence._asdict())
            if self.holder:
                plain.set(LOCK, stored(self.holder), ex=TTL_S)

        @invariant()
        def agrees(self):
            if hasattr(self, "written"):
                fence = plain.hmget(FENCE, "epoch", "counter") if plain.exists(FENCE) else None
                assert plain.get(LOCK) == (stored(self.holder) if self.holder else None)
                assert fence == (self.fence and [b"%d" % part for part in self.fence])
                assert self.resource.read() == self.written
                ttl_ms = plain.pttl(LOCK)
                for _, held in self.held:
                    has_it = self.has_it(held)
                    assert held.left_s * 1000 <= ttl_ms if has_it else held.lost or held.owner not in self.sure

        def ask(self, faults, call):
            """What came of it: a result, or an error that says rightly whether it may have been done."""
            self.lossy.loses = self.other.loses = 0 if "lost" in faults else None
            if "no scripts" in faults:
                plain.script_flush()
            plain.config_set("maxmemory", int("no memory" in faults))
            try:
                return call()
            except errors.StateError as error:
                told = error
            finally:
                plain.config_set("maxmemory", 0)
                self.lossy.loses = self.other.loses = None
            if not isinstance(told, errors.RejectedError):  # which changes nothing, and need not know it
                assert told.applied == ("unknown" if isinstance(told, errors.ConnectionLostError) else "no")
            return told

        def answer(self, owner, reign, faults):
            """The right answer: a token, or the class of an error."""
            if reign.run_id == ANOTHER:
                return errors.UnknownPrimaryError
            if self.holder and self.holder[0] != owner:
                return errors.ConflictError
            if self.holder and self.holder[1].epoch == reign.epoch:
                return self.holder[1]
            if self.fence and self.fence.epoch > reign.epoch:
                return errors.UnknownPrimaryError
            counter = self.fence.counter if self.fence else 0
            return errors.OutOfMemoryError if "no memory" in faults else Token(reign.epoch, counter + 1)

        def sees(self, who, view):
            """Who is behind believes in an old primary; if this server was it, its fence knows better."""
            knows_better = self.fence is not None and self.fence.epoch == self.epoch
            behind = Reign(epoch=self.epoch - 1, run_id=run_id if knows_better else ANOTHER)
            now = Reign(epoch=self.epoch, run_id={"any server": "", "another server": ANOTHER}.get(view, run_id))
            self.clients[who].reign = behind if view == "behind" else now
            return self.clients[who].reign

        def has_it(self, held):
            return self.holder is not None and self.holder[0] == held.owner

        def lock_of(self, client, name):
            return FencedLock(self.lossy, name, ttl_s=TTL_S, reigns=client, clock=client, _without=without)

    return Locks


def stored(holder):
    owner, token = holder
    return f"{owner}|{token.epoch}|{token.counter}".encode()


def ends(right, faults):
    """How a call ends whose right end this is; a refusal for want of memory is no reply of a script to lose."""
    return errors.ConnectionLostError if "lost" in faults and right is not errors.OutOfMemoryError else right
