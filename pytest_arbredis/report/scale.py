"""Scales of a chart: from a value to a coordinate, with round ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Linear:
    """Maps `least`..`most` to `start`..`end`; values outside are held at the edge."""

    least: float
    most: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The coordinate of a value."""
        share = (value - self.least) / ((self.most - self.least) or 1)
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 2)


@dataclass(frozen=True, slots=True)
class Logarithmic:
    """Maps `least`..`most`, both above zero and widened to powers of ten, to `start`..`end`."""

    least: float
    most: float
    start: float
    end: float

    @property
    def _exponents(self) -> tuple[int, int]:
        low = math.floor(math.log10(max(self.least, 1e-6)))
        return low, max(low + 1, math.ceil(math.log10(max(self.most, 1e-6))))

    def __call__(self, value: float) -> float:
        """The coordinate of a value."""
        low, high = self._exponents
        return Linear(low, high, self.start, self.end)(math.log10(max(value, 1e-9)))

    def powers(self) -> tuple[float, ...]:
        """The powers of ten within the scale."""
        low, high = self._exponents
        return tuple(10.0**exponent for exponent in range(low, high + 1))


def ticks(least: float, most: float, *, about: int) -> tuple[float, ...]:
    """Round values from `least` to `most`, some `about` of them, with steps of 1, 2 or 5."""
    rough = max((most - least) / about, 1e-9)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(least / step)
    return tuple(round(number * step, 9) for number in range(first, math.floor(most / step + 1e-9) + 1))
