"""What a manager asks of Redis, answered from memory; any ask may fail, before it is sent or after it was applied."""

from __future__ import annotations

import orjson

from pytest_arbredis.state.asks import Call, Command, Transaction
from pytest_arbredis.state.connections.driving import drive
from pytest_arbredis.state.errors import ConnectionLostError, RejectedError, UnreachableError

BEFORE = "before it is sent"
AFTER = "after it was applied"


class ManualClock:
    def __init__(self):
        self.ns = 10**12

    def monotonic_ns(self):
        return self.ns

    def wall_ns(self):
        return self.ns + 10**18

    def pass_s(self, seconds):
        self.ns += int(seconds * 1e9)


class RedisInMemory:
    """One server for any number of managers. `away`: nothing is reached; `fails`: what befalls the coming asks."""

    def __init__(self, clock):
        self.clock = clock
        self.hashes: dict[str, dict[str, bytes]] = {}
        self.ttls: dict[str, int] = {}
        self.tokens: set[str] = set()
        self.away = False
        self.fails: list[str | None] = []
        self.asked: list[str] = []
        self.wrong_type: set[str] = set()

    def run(self, plan, *, kind=None, within_s=None):  # noqa: ARG002 - as Runs has it
        return drive(plan, self._answer)

    def now_us(self):
        return self.clock.ns // 1000 + 5 * 10**14

    def _answer(self, ask):
        fate = self.fails.pop(0) if self.fails else None
        if self.away or fate == BEFORE:
            raise UnreachableError("refused", applied="no")
        reply = self._reply(ask)
        if fate == AFTER:
            raise ConnectionLostError("the reply is lost")
        return reply

    def _reply(self, ask):
        match ask:
            case Command():
                self.asked.append(str(ask.args[0]))
                return self._command(*ask.args)
            case Transaction():
                self.asked.append("MULTI")
                return [self._command(*one) for one in ask.commands]
            case Call():
                self.asked.append(ask.script.name)
                if set(ask.keys) & self.wrong_type:
                    raise RejectedError("WRONGTYPE")
                return getattr(self, f"_{ask.script.name.rpartition('.')[2]}")(ask.keys, ask.args)
        raise AssertionError(ask)

    def _command(self, name, *args):
        match name:
            case "TIME":
                return [str(part).encode() for part in divmod(self.now_us(), 10**6)]
            case "HGET":
                return self._hash(args[0]).get(args[1])
            case "HGETALL":
                return [part for name, value in self._hash(args[0]).items() for part in (name.encode(), value)]
            case "PEXPIRE":
                self.ttls[args[0]] = args[1]
                return 1
        raise AssertionError(name)

    def _hash(self, key):
        return self.hashes.get(key, {})

    def _hashes(self, keys, _args):
        return [self._command("TIME"), *(self._command("HGETALL", key) for key in keys)]

    def _add(self, keys, args):
        stats = self.hashes.setdefault(keys[0], {})
        added = keys[1] not in self.tokens
        if added:
            stats[args[0]] = str(int(stats.get(args[0], 0)) + args[1]).encode()
            self.tokens |= {keys[1]} - {""}
        self.tokens -= set(keys[2:])
        return [stats.get(args[0], b"0"), int(added)]

    def _set_metrics(self, keys, args):
        stamp, late, ttl, newest, *pairs = args
        now_us = self.now_us()
        if late and now_us > int(late):
            return [-1, str(now_us).encode()]
        found, applied = self.hashes.setdefault(keys[0], {}), 0
        for name, value in zip(pairs[::2], pairs[1::2], strict=True):
            stored = int(found.get(f"_at.{name}", -1))
            at = max(now_us, stored + 1) if stamp < 0 else stamp
            if at >= stored or newest != "1":
                found[name], found[f"_at.{name}"] = value, str(at).encode()
                applied += 1
        if applied and ttl and (stamp < 0 or self.ttls.get(keys[0], -1) < ttl):
            self.ttls[keys[0]] = ttl
        return [applied, str(now_us).encode()]

    def _beat(self, keys, args):
        ttl, late, by, status = args
        now_us = self.now_us()
        if late and now_us > int(late):
            return [-1, str(now_us).encode()]
        self.hashes[keys[0]] = {"at": str(now_us).encode(), "by": by.encode(), "status": status.encode()}
        if ttl:
            self.ttls[keys[0]] = ttl
        return [1, str(now_us).encode()]

    def _set_position(self, keys, args):
        token, over, otherwise, resolves, aside, *pairs = args
        stands, conflicts = self._hash(keys[0]), self._hash(keys[1])
        version = int(stands.get("_version", 0))
        if stands.get("_by") == token.encode():
            return [1, version]
        known = int(over) == version and ",".join(sorted(conflicts)) == resolves
        if known or otherwise == "overwrite":
            own = {"_version": str(version + 1).encode(), "_by": token.encode()}
            self.hashes[keys[0]] = own | dict(zip(pairs[::2], pairs[1::2], strict=True))
            self.hashes.pop(keys[1], None)
            return [1, version + 1]
        if otherwise == "keep":
            orjson.loads(aside)
            self.hashes.setdefault(keys[1], {})[token] = aside
        return [0, version]
