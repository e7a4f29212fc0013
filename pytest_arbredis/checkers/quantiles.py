"""Quantiles with honest intervals: a block bootstrap, because stalls cluster.

Order statistics of independent samples give intervals that are too narrow: one stall of 50 ms makes many neighbours
slow. So the samples are cut, in their order, into contiguous blocks, and whole blocks are drawn again (Künsch 1989).
Imports numpy: import it where it is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKS = 100
RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A quantile, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def intervals(samples: Sequence[float], quantiles: Sequence[float], *, seed: int) -> list[Interval]:
    """The quantiles of samples in the order of time; at least `BLOCKS` of them. Infinite samples are welcome."""
    values = np.asarray(samples, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    block_of = (np.arange(len(values)) * BLOCKS // len(values))[order]
    chance = np.random.default_rng(seed)
    drawn = np.empty((RESAMPLES, len(quantiles)))
    for row in range(RESAMPLES):
        times = np.bincount(chance.integers(BLOCKS, size=BLOCKS), minlength=BLOCKS)
        ranks = np.cumsum(times[block_of])
        wanted = [max(1, ceil(quantile * ranks[-1])) for quantile in quantiles]
        drawn[row] = ascending[np.searchsorted(ranks, wanted)]
    drawn.sort(axis=0)
    low, high = (round(end * (RESAMPLES - 1)) for end in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return [
        Interval(value=_nearest_rank(ascending, quantile), low=float(drawn[low, i]), high=float(drawn[high, i]))
        for i, quantile in enumerate(quantiles)
    ]


def nearest_rank(samples: Sequence[float], quantile: float) -> float:
    """The smallest sample that at least `quantile` of all are not above."""
    return _nearest_rank(np.sort(np.asarray(samples, dtype=np.float64)), quantile)


def _nearest_rank(ascending: np.typing.NDArray[np.float64], quantile: float) -> float:
    return float(ascending[max(1, ceil(quantile * len(ascending))) - 1])
