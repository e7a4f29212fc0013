"""The bot as a subject: the harness asks for operations, and this file says what they are in the bot's words."""

from __future__ import annotations

from positions import Positions


class Bot:
    """Writes and reads positions; every client of the load gets a bot of its own."""

    name = "positions"
    operations = frozenset({"write", "read"})
    topologies = frozenset({"sentinel"})

    def open(self, endpoints):
        return Session(Positions(endpoints.sentinels, endpoints.master_name, prefix=""))


class Session:
    def __init__(self, positions):
        self.positions = positions

    def apply(self, op):
        """Its output, or an exception of redis-py. The key is used as it is, so that the harness finds it again."""
        return self.positions.hold(op.key, op.input) if op.name == "write" else self.positions.held(op.key)

    def close(self):
        self.positions.client.close()
