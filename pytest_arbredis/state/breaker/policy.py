"""When a breaker opens, for how long, and what it lets in to find out: a value, refused where it cannot stand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_arbredis.state.errors import MisuseError


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """Any of three causes opens a closed breaker; each is off where its first field is None.

    - `failures` in a row;
    - `failure_rate` (a share of 1) of the calls that ended in the last `window_s`, if they were `minimum_calls` or
      more;
    - `slow_rate` of those calls took `slow_ms` or longer, whatever came of them.

    Rates are looked at when a failed or slow call ends. The window moves by tenths: it covers the last 0.9 to 1 times
    `window_s`, and begins anew with every closed spell.

    Open for `open_s`; the next call then finds it half-open, where at most `probes_at_once` calls are under way, and
    at most `probes` are let in altogether (None: any number, one after another). `successes_to_close` of them close
    it; the first that fails, or is slow, opens it again. A probe that was cancelled gives its place back. One that
    said nothing for `probe_lease_s` is given up, which opens it too: half-open never waits for the dead.
    """

    failures: int | None = 5
    failure_rate: float | None = None
    slow_rate: float | None = None
    slow_ms: float = 1000.0
    window_s: float = 10.0
    minimum_calls: int = 20
    open_s: float = 5.0
    probes_at_once: int = 1
    probes: int | None = None
    successes_to_close: int = 1
    probe_lease_s: float = 30.0

    def __post_init__(self) -> None:
        for name in ("failures", "probes", "minimum_calls", "probes_at_once", "successes_to_close"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise MisuseError(f"{name}={value!r}", remedy="give a whole number, 1 or more")
        for name in ("failure_rate", "slow_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                raise MisuseError(f"{name}={value!r}", remedy="give a share above 0, and at most 1")
        for name in ("slow_ms", "window_s", "open_s", "probe_lease_s"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
                raise MisuseError(f"{name}={value!r}", remedy="give a finite time above 0")
        if self.probes is not None and self.probes < max(self.successes_to_close, self.probes_at_once):
            raise MisuseError(
                f"probes={self.probes!r} with successes_to_close={self.successes_to_close!r} "
                f"and probes_at_once={self.probes_at_once!r}",
                remedy="let in as many probes as are needed to close it, and as may be under way at once",
            )
