"""Managers against the model, on a server in memory."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from manager_machine import Managers
from redis_in_memory import ManualClock, RedisInMemory


class Server(RedisInMemory):
    def stat(self, name):
        return int(self.hashes.get("test:local:arbitrage:stats", {}).get(name, 0))


class ManagersOnMemory(Managers):
    def begin(self):
        self.clock = ManualClock()
        self.server = Server(self.clock)

    def passes(self, seconds):
        self.clock.pass_s(seconds)


ManagersOnMemory.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
test_nothing_accepted_is_lost_or_counted_twice = ManagersOnMemory.TestCase
