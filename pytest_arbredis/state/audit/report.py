"""What an audit found, and how it is counted while it walks: in bounded memory, however many keys there are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.keyspace.rules import breaches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.state.audit.server import ServerFigures
    from pytest_arbredis.state.keyspace.pattern import KeyPattern
    from pytest_arbredis.state.keyspace.rules import Breach, Found

NO_PATTERN: Final = "(no pattern)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternFigures:
    """Keys of one pattern, and the memory that they take."""

    grammar: str
    keys: int
    bytes: int

    @property
    def average_bytes(self) -> float:
        """Memory of a key with its value, on average."""
        return self.bytes / self.keys


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What a Redis holds. `breaches` are the first that were found of each rule, `by_rule` counts all of them.

    A key that SCAN gave twice, because the keyspace changed meanwhile, counts twice; what came and went while it walked
    may be missing.
    """

    server: ServerFigures
    keys: int
    bytes: int
    patterns: tuple[PatternFigures, ...]
    breaches: tuple[Breach, ...]
    by_rule: dict[str, int]
    took_s: float
    state_may_be_evicted: bool

    @property
    def average_bytes(self) -> float | None:
        """Memory of a key with its value, on average; None if there is no key."""
        return self.bytes / self.keys if self.keys else None

    @property
    def broken(self) -> int:
        """How many rules are broken, over all keys."""
        return sum(self.by_rule.values())

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not (self.broken or self.state_may_be_evicted)


class Count:
    """Counts keys as they are seen; keeps `most` breaches: a rule that is broken often hides no other."""

    def __init__(self, *, most: int) -> None:
        self.keys = 0
        self._most = most
        self._persistent = 0
        self._patterns: dict[str, list[int]] = {}
        self._by_rule: Counter[str] = Counter()
        self._first: dict[str, list[Breach]] = {}

    def see(self, seen: Iterable[tuple[Found, int]]) -> None:
        """Count these keys, each with its memory in bytes."""
        for found, memory in seen:
            pattern, broken = breaches(found)
            self._count(pattern, found, memory)
            for breach in broken:
                self._by_rule[breach.rule] += 1
                first = self._first.setdefault(breach.rule, [])
                if len(first) < self._most:
                    first.append(breach)

    def report(self, server: ServerFigures, *, took_s: float) -> AuditReport:
        """What was counted."""
        patterns = [
            PatternFigures(grammar=grammar, keys=keys, bytes=size) for grammar, (keys, size) in self._patterns.items()
        ]
        return AuditReport(
            server=server,
            keys=self.keys,
            bytes=sum(pattern.bytes for pattern in patterns),
            patterns=tuple(sorted(patterns, key=lambda pattern: (-pattern.keys, pattern.grammar))),
            breaches=self._shown(),
            by_rule=dict(sorted(self._by_rule.items())),
            took_s=took_s,
            state_may_be_evicted=bool(server.evicts_state and self._persistent),
        )

    def _shown(self) -> tuple[Breach, ...]:
        """The first of each rule, then the second of each, until there are enough; those of one rule together."""
        in_turn = chain.from_iterable(zip_longest(*self._first.values()))
        chosen = {id(breach) for breach in islice(filter(None, in_turn), self._most)}
        return tuple(one for of_rule in self._first.values() for one in of_rule if id(one) in chosen)

    def _count(self, pattern: KeyPattern | None, found: Found, memory: int) -> None:
        self.keys += 1
        figures = self._patterns.setdefault(pattern.grammar if pattern else NO_PATTERN, [0, 0])
        figures[0] += 1
        figures[1] += memory
        if pattern is not None and found.ttl_ms is None:
            self._persistent += 1
