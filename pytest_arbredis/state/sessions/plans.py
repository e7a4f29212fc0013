"""The session store's operations, as plans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pytest_arbredis.state.asks import Call, Confirm, Transaction
from pytest_arbredis.state.errors import ConflictError, MisuseError, WrongTypeError
from pytest_arbredis.state.evicted import refuse_allkeys, refuse_evicted
from pytest_arbredis.state.hardenings import NONE, Without, require_known
from pytest_arbredis.state.keyspace.parts import CATEGORIES, require_part
from pytest_arbredis.state.keyspace.patterns import SESSION
from pytest_arbredis.state.sessions.fields import words_of
from pytest_arbredis.state.sessions.scripts import DELETE, LOAD, LOAD_OR_WHY_NOT, SAVE, SAVE_WHERE_IT_STAYS
from pytest_arbredis.state.sessions.snapshot import Saved, Snapshot, snapshot_of, unchecked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.asks import Arg, Plan, Reply

Others = Literal["remove", "keep"]
"""What becomes of categories that a save is not given."""

HARDENINGS: Final = frozenset(
    {"one-transaction", "replace", "one-version-load", "ttl-in-one-step", "wait-replicas", "eviction-guard"}
)
"""one-transaction: a save, or a deletion, is one script; without it, one for each category.
replace: a save leaves no field of an earlier one; without it, fields are added to what is there.
one-version-load: a load is one script, and gives one version or an error; without it, four reads as they come.
ttl-in-one-step: a save sets the time to live itself; without it, a second command does.
eviction-guard: nothing is saved where any key may be evicted, and what may have been is not said to be absent.
wait-replicas: a change that is to be confirmed waits for that; without it, what the primary says OK to is taken so."""

MOST_TTL_S: Final = 10 * 365 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a store saves and loads, whatever the session: replicas that must confirm a change within `wait_ms`."""

    wait_replicas: int = 0
    wait_ms: int = 500
    without: Without = NONE

    def __post_init__(self) -> None:
        require_known(self.without, HARDENINGS)
        if self.wait_replicas < 0 or self.wait_ms < 1:
            raise MisuseError(
                f"wait_replicas={self.wait_replicas!r}, wait_ms={self.wait_ms!r}",
                remedy="give 0 or more replicas, and 1 ms or more (WAIT takes 0 for ever)",
            )

    @property
    def waits(self) -> bool:
        """Whether a change waits to be confirmed."""
        return self.wait_replicas > 0 and "wait-replicas" not in self.without


HARDENED: Final = Rules()


def save(
    env: str,
    session_id: str,
    state: Mapping[str, Mapping[str, object]],
    *,
    ttl_s: float | None = None,
    if_version: int | None = None,
    others: Others = "remove",
    rules: Rules = HARDENED,
) -> Plan[Saved]:
    """Put `state` in the place of what is there, in one step. Nothing is sent if anything of it is not right."""
    keys = keys_of(env, session_id)
    words = _words(state)
    ttl_ms = _ttl_ms(ttl_s)
    if others not in {"remove", "keep"}:
        raise MisuseError(f"others={others!r}", remedy="give 'remove' or 'keep'")
    wanted = _wanted(if_version)
    how = "merge" if "replace" in rules.without else "replace"
    in_step = "" if "ttl-in-one-step" in rules.without else ttl_ms
    script = SAVE if "eviction-guard" in rules.without else SAVE_WHERE_IT_STAYS
    if "one-transaction" in rules.without:
        version: Arg = ""
        for name, key in zip(CATEGORIES, keys, strict=True):
            reply = yield Call(script, (key,), ("", in_step, others, how, version, name, *_counted(words.get(name))))
            version = _saved(reply, session_id).version
    else:
        told = [word for name in CATEGORIES for word in _counted(words.get(name))]
        reply = yield Call(script, keys, (wanted, in_step, others, how, "", ",".join(CATEGORIES), *told))
    saved = _saved(reply, session_id)
    if ttl_ms and not in_step:
        yield Transaction(*(("PEXPIRE", key, ttl_ms) for key in keys))
    if rules.waits:
        yield Confirm(rules.wait_replicas, rules.wait_ms)
    return saved


def load(env: str, session_id: str, *, rules: Rules = HARDENED) -> Plan[Snapshot | None]:
    """The session, None if there is none. Raises `TornSessionError`, and `UnsafePolicyError` if it may be evicted."""
    keys = keys_of(env, session_id)
    at_once = "one-version-load" not in rules.without
    script = LOAD if "eviction-guard" in rules.without else LOAD_OR_WHY_NOT
    replies: list[Reply] = []
    for some in (keys,) if at_once else tuple((key,) for key in keys):
        reply = yield Call(script, some)
        if len(reply) == len(some):
            replies += reply
        else:
            policy, evicted = reply
            replies += [[] for _ in some]
    if script is LOAD_OR_WHY_NOT and not any(replies):
        refuse_evicted(policy, evicted, f"the session {session_id!r}")
    return snapshot_of(replies) if at_once else unchecked(replies)


def delete(env: str, session_id: str, *, if_version: int | None = None, rules: Rules = HARDENED) -> Plan[bool]:
    """Delete every category in one step; whether there was any."""
    keys, gone = keys_of(env, session_id), 0
    for some in ((key,) for key in keys) if "one-transaction" in rules.without else (keys,):
        reply = yield Call(DELETE, some, (_wanted(if_version),))
        if not isinstance(reply, int):
            raise _conflict(session_id, reply)
        gone += reply
    if rules.waits:
        yield Confirm(rules.wait_replicas, rules.wait_ms)
    return gone > 0


def keys_of(env: str, session_id: str) -> tuple[str, ...]:
    """The keys of a session, in the order of `CATEGORIES`. Raises `KeyRefusedError`."""
    return tuple(SESSION.key(env=env, session_id=session_id, category=category) for category in CATEGORIES)


def _words(state: Mapping[str, Mapping[str, object]]) -> dict[str, list[Arg]]:
    if not state:
        raise MisuseError("a session without any category", remedy="give one, or delete the session")
    return {require_part("category", category): words_of(category, fields) for category, fields in state.items()}


def _counted(words: list[Arg] | None) -> list[Arg]:
    return [-1] if words is None else [len(words), *words]


def _ttl_ms(ttl_s: float | None) -> Arg:
    if ttl_s is None:
        return ""
    if not 0.001 <= ttl_s <= MOST_TTL_S:
        raise MisuseError(f"ttl_s={ttl_s!r}", remedy=f"give seconds, 0.001 to {MOST_TTL_S}, or None to keep it")
    return int(ttl_s * 1000)


def _wanted(if_version: int | None) -> Arg:
    if if_version is None:
        return ""
    if type(if_version) is not int or if_version < 0:
        raise MisuseError(f"if_version={if_version!r}", remedy="give the version that was loaded; 0: there is none yet")
    return if_version


def _saved(reply: Reply, session_id: str) -> Saved:
    if reply[0] == b"unsafe":
        refuse_allkeys(bytes(reply[1]), f"the session {session_id!r}")
    if reply[0] == b"conflict":
        raise _conflict(session_id, reply)
    if reply[0] == b"wrongtype":
        raise WrongTypeError(
            f"{bytes(reply[1]).decode()} of the session {session_id!r} is no Hash: nothing was saved",
            remedy="look what it is, and delete it",
        )
    return Saved(version=int(reply[0]), saved_ms=int(reply[1]))


def _conflict(session_id: str, reply: Reply) -> ConflictError:
    version = int(reply[1])
    now = f"is at version {version} now, not at the one given" if version else "is not there (any more)"
    return ConflictError(f"the session {session_id!r} {now}", remedy="load it, and decide again")
