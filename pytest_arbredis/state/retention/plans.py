"""Clean-up as plans: which sessions there are, how old their last save is, and the removal of one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Call, Command
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.keyspace.patterns import SESSION
from pytest_arbredis.state.retention.scripts import AGES, REMOVE
from pytest_arbredis.state.sessions.plans import keys_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.state.asks import Arg, Plan

COUNT: Final = 100
"""SCAN's COUNT: the keys that a step looks through on the server; few of them are sessions of one environment."""

HARDENINGS: Final = frozenset({"re-check", "whole-session"})
"""re-check: what removes a session looks at its age again; without it, what was found old is removed.
whole-session: all categories go in one script; without it, one after another."""

AT_ONCE: Final = 5
"""Sessions whose ages one script tells: their twenty keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session, and how many seconds ago it was last saved, by the server's clock; None if it does not say."""

    env: str
    session_id: str
    age_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a step of the search found: the next cursor (0: there is none), and sessions with a key in it."""

    cursor: int
    sessions: tuple[StoredSession, ...]


def search(cursor: int, env: str) -> Plan[Step]:
    """Sessions of an environment with a key among those of this step. One of four keys may come in another step."""
    found, keys = yield Command("SCAN", cursor, "MATCH", SESSION.glob(env=env), "COUNT", COUNT)
    ids: dict[str, None] = {}
    for key in keys:
        parts = SESSION.parse(key.decode(errors="backslashreplace"))
        if parts is not None:
            ids[parts["session_id"]] = None
    sessions = yield from ages(env, tuple(ids))
    return Step(cursor=int(found), sessions=sessions)


def ages(env: str, session_ids: Sequence[str]) -> Plan[tuple[StoredSession, ...]]:
    """The sessions of these ids that exist, with their ages."""
    sessions: list[StoredSession] = []
    for start in range(0, len(session_ids), AT_ONCE):
        some = session_ids[start : start + AT_ONCE]
        told = yield Call(AGES, tuple(key for session_id in some for key in keys_of(env, session_id)))
        now_ms = int(told[0])
        for session_id, saved in zip(some, told[1:], strict=True):
            if saved != b"gone":
                age_s = None if saved == b"ageless" else (now_ms - int(saved)) / 1000
                sessions.append(StoredSession(env=env, session_id=session_id, age_s=age_s))
    return tuple(sessions)


def remove(env: str, session_id: str, *, older_than_s: float, without: Without = NONE) -> Plan[bool]:
    """Delete a session if its last save is still that old; whether it was deleted."""
    keys = keys_of(env, session_id)
    age_ms: Arg = "" if "re-check" in without else math.ceil(older_than_s * 1000)
    gone = 0
    for some in ((key,) for key in keys) if "whole-session" in without else (keys,):
        gone += int((yield Call(REMOVE, some, (age_ms,))))
    return gone > 0
