"""Exact bounds of a share, after Clopper and Pearson (Biometrika 26, 1934), each one-sided."""

from __future__ import annotations

from math import comb

CONFIDENCE = 0.95


def at_least(hits: int, runs: int, confidence: float = CONFIDENCE) -> float:
    """The lower bound of the true share, where `hits` of `runs` were seen; 0 where that says nothing."""
    if hits == 0:
        return 0.0
    return _bisected(lambda share: 1 - _up_to(hits - 1, runs, share) >= 1 - confidence)


def at_most(hits: int, runs: int, confidence: float = CONFIDENCE) -> float:
    """The upper bound of the true share, where `hits` of `runs` were seen; 1 where that says nothing."""
    return 1.0 - at_least(runs - hits, runs, confidence)


def _up_to(hits: int, runs: int, share: float) -> float:
    """The probability of so many or fewer hits."""
    return sum(comb(runs, k) * share**k * (1 - share) ** (runs - k) for k in range(hits + 1))


def _bisected(reached) -> float:  # noqa: ANN001 - a predicate of a share that is true from the bound on
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return low
