"""The automaton of a circuit breaker: three states, and every legal transition as one table entry with its causes.

After Nygard, Release It! (2007): closed counts failures, open rejects, half-open lets a limited number of probes in.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """A state of a breaker, as its events spell it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Cause(StrEnum):
    """What may move a breaker."""

    FAILURES = "failures"
    ELAPSED = "elapsed"
    SUCCESS = "success"
    FORCED = "forced"


LEGAL: Final[dict[tuple[State, State], frozenset[Cause]]] = {
    (State.CLOSED, State.OPEN): frozenset({Cause.FAILURES, Cause.FORCED}),
    (State.OPEN, State.HALF_OPEN): frozenset({Cause.ELAPSED, Cause.FORCED}),
    (State.HALF_OPEN, State.CLOSED): frozenset({Cause.SUCCESS, Cause.FORCED}),
    (State.HALF_OPEN, State.OPEN): frozenset({Cause.FAILURES, Cause.FORCED}),
    (State.OPEN, State.CLOSED): frozenset({Cause.FORCED}),
}
"""Every legal transition, with the causes that it may have."""

_WORDS: Final = {
    Cause.FAILURES: re.compile(r"fail|error|exception|rate|threshold|slow|time.?out|consecutive|refused|unavailable"),
    Cause.ELAPSED: re.compile(r"elapsed|expire|cool|wait|timer|time.?out|delay|back.?off|after"),
    Cause.SUCCESS: re.compile(r"succe|succeed|recover|healthy|\bok\b"),
    Cause.FORCED: re.compile(r"forced|manual|operator|admin"),
}
_LETTERS: Final = re.compile(r"[^a-z]")
_BY_LETTERS: Final = {_LETTERS.sub("", state): state for state in State}


def state_of(word: object) -> State | None:
    """The state that a word names, whatever its case and its hyphen (`HALF_OPEN`); None for any other word."""
    return _BY_LETTERS.get(_LETTERS.sub("", str(word).lower()))


def causes_of(text: str) -> frozenset[Cause]:
    """What a cause in a breaker's own words may mean; empty if it has none of the known words."""
    return frozenset(cause for cause, words in _WORDS.items() if words.search(text.lower()))


def why_illegal(source: State, target: State, cause: str) -> str:
    """Why a breaker must not move so; empty if it may. Unfamiliar words for a cause are believed, but not as forced."""
    if (source, target) not in LEGAL:
        return "is no transition of a breaker"
    allowed, meant = LEGAL[source, target], causes_of(cause)
    if not meant & allowed and (meant or allowed == {Cause.FORCED}):
        return f"is not for the cause {cause!r} (only {', '.join(sorted(allowed))})"
    if (source, target) == (State.CLOSED, State.OPEN) and "probe" in cause.lower() and Cause.FORCED not in meant:
        return f"is not for the cause {cause!r}: a closed breaker has no probes"
    return ""
