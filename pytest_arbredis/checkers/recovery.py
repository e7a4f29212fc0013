"""Recovery: how long after a fault the load is served again, judged from the injection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.checkers.windows import Counting, Service, require_rate
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import FaultRecord, Json

__all__ = ["RecoversWithin", "recovers_within", "require_rate", "service_resumes"]

From = Literal["begin", "end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoversWithin:
    """Service is back within `seconds` of the last fault called `after`.

    Back is the start of the first window of `window_ms`, anchored at a completion, in which at least `share` of the
    intended rate of `names` was applied (or confirmed, by `counting`), and at least `share` of what completed was.
    Unknown if the fault is absent or unobserved, the load ended too early to tell, or the rate was never reached before
    the first fault. Raises `UsageError` if the rate is too low for the window.
    """

    seconds: float
    after: str = "crash"
    counting: Counting = "applied"
    names: tuple[str, ...] = ("write",)
    window_ms: float = 500
    share: float = 0.99
    from_: From = "begin"

    def __post_init__(self) -> None:
        """Refuse what cannot be judged."""
        if self.counting not in get_args(Counting):
            raise UsageError.unknown("counting", self.counting, get_args(Counting))
        if self.from_ not in get_args(From):
            raise UsageError.unknown("from_", self.from_, get_args(From))
        if self.seconds <= 0 or self.window_ms <= 0 or not 0 < self.share <= 1 or not self.names:
            raise UsageError(
                f"{self}", remedy="use positive seconds and window_ms, a share in (0, 1], and at least one name"
            )

    @property
    def claim(self) -> str:
        """`recovers_within_3s_after_crash`, or `service_resumes_within_2s_after_out_of_memory` from a fault's end."""
        verb = "recovers" if self.from_ == "begin" else "service_resumes"
        return f"{verb}_within_{self.seconds:g}s_after_{self.after}"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        faults = [fault for fault in history.faults if fault.name == self.after]
        if not faults:
            return self._unknown(f"no fault {self.after!r} in the history")
        fault = faults[-1]
        if fault.evidence is None:
            return self._unknown(f"{self.after} was not observed")
        from_ns = fault.began_ns if self.from_ == "begin" else fault.ended_ns
        if from_ns is None:
            return self._unknown(f"{self.after} has no end on record")
        service = Service.of(
            history, names=self.names, counting=self.counting, window_ms=self.window_ms, share=self.share
        )
        if service is None:
            return self._unknown("the header does not say rate_hz and load_until_ns, or nothing was planned")
        require_rate(service.rate_hz / (1 - 0.1), self.window_ms, self.share)  # a random mix strays by some per cent
        if service.first_window(0, history.faults[0].began_ns) is None:
            return self._unknown(
                f"{service.rate_hz:.0f} {self._what} a second were never reached before the first fault"
            )
        return self._judge(service, fault, from_ns)

    def _judge(self, service: Service, fault: FaultRecord, from_ns: int) -> Finding:
        allowed_ns = int(self.seconds * NS_PER_S)
        back_ns = service.first_window(from_ns, service.until_ns)
        since = f"{fault.name} {self.from_}" if self.from_ == "end" else fault.name
        if back_ns is not None:
            took_ms = (back_ns - from_ns) / NS_PER_MS
            verdict = Verdict.VALID if back_ns - from_ns <= allowed_ns else Verdict.INVALID
            return self._finding(verdict, f"{self._what} back {took_ms:.0f} ms after {since}", recovered_ms=took_ms)
        judged_ms = (service.until_ns - from_ns) / NS_PER_MS
        if service.until_ns >= from_ns + allowed_ns + service.window_ns:
            return self._finding(Verdict.INVALID, f"{self._what} not back {judged_ms:.0f} ms after {since}")
        return self._unknown(f"the load ended {judged_ms:.0f} ms after {since}, too early to tell")

    @property
    def _what(self) -> str:
        return f"{self.counting} {'s and '.join(self.names)}s"

    def _unknown(self, summary: str) -> Finding:
        return self._finding(Verdict.UNKNOWN, summary)

    def _finding(self, verdict: Verdict, summary: str, *, recovered_ms: float | None = None) -> Finding:
        figures: dict[str, Json] = {"allowed_ms": self.seconds * 1000, "recovered_ms": recovered_ms}
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=f"{summary} ({self.seconds * 1000:.0f} ms allowed)",
            figures=figures,
        )


def recovers_within(
    seconds: float,
    *,
    after: str = "crash",
    counting: Counting = "applied",
    names: tuple[str, ...] = ("write",),
    window_ms: float = 500,
    share: float = 0.99,
    from_: From = "begin",
) -> RecoversWithin:
    """Service is back within `seconds` of the injection of the last fault called `after`."""
    return RecoversWithin(
        seconds=seconds, after=after, counting=counting, names=names, window_ms=window_ms, share=share, from_=from_
    )


def service_resumes(
    within_s: float, *, after: str, counting: Counting = "applied", names: tuple[str, ...] = ("write",)
) -> RecoversWithin:
    """Service is back within `within_s` of the *end* of the last fault called `after`.

    With a window of 500 ms and a share of 0.99.
    """
    return RecoversWithin(seconds=within_s, after=after, counting=counting, names=names, from_="end")
