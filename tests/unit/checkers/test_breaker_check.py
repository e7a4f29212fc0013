"""The breaker's check: open after two failures, half-open a second later, one probe; then one thing goes wrong."""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.testing.builder import HistoryBuilder

CHECK = checks.breaker_follows_its_automaton(timeout_s=1)


class Story(HistoryBuilder):
    """A history with calls through a breaker, and its transitions."""

    def __init__(self):
        super().__init__()
        self._seq = 0

    def call(self, at, **more):
        return self.op("write", "k", at=at, **{"entered": at[0], **more})

    def fails(self, at, **more):
        return self.call(at, outcome="unknown", error="TimeoutError: no reply", **more)

    def rejected(self, at, **more):
        error = more.pop("error", "CircuitBreakerError: open")
        return self.op("write", "k", at=(at, at + 0.01), outcome="fail", error=error, **more)

    def turns(self, at, source, target, cause=None, *, breaker="redis", **more):
        self._seq += 1
        data = {"id": breaker, "seq": self._seq, "from": source, "to": target, "cause": cause, **more}
        self.event("breaker", "subject", at=at, data=data)

    def opens(self, at=100):
        self.call((0, 1))
        self.fails((at - 50, at))
        self.turns(at, "closed", "open", "failures")
        return self

    def half_opens(self, at):
        self.turns(at, "open", "half-open", "elapsed")

    def closes(self, at):
        self.turns(at, "half-open", "closed", "success")

    def comes_back(self, at=1110):
        self.half_opens(at)
        probe = self.call((at, at + 2))
        self.closes(at + 2)
        self.call((at + 10, at + 11))
        return probe


def judged(story, **limits):
    return checks.breaker_follows_its_automaton(**{"timeout_s": 1, **limits})(story.build())


def test_a_breaker_that_does_as_it_should_is_accepted():
    story = Story().opens()
    story.rejected(500)
    story.comes_back()
    finding = judged(story)
    assert finding.verdict is Verdict.VALID
    assert finding.summary == "1 openings, 1 calls rejected, 1 probes let in"
    assert finding.figures["calls"] == 5


def test_a_call_invoked_before_it_opened_may_enter_while_it_is_open():
    story = Story().opens()
    story.call((90, 400), process=1, entered=150)
    story.rejected(500)
    story.comes_back()
    assert judged(story).verdict is Verdict.VALID


def test_a_call_invoked_while_it_was_open_may_enter_once_it_is_half_open():
    story = Story().opens()
    story.half_opens(1110)
    story.call((1105, 1115), process=1, entered=1110)
    story.closes(1115)
    assert judged(story).verdict is Verdict.VALID


def test_the_contract_of_open_is_judged_to_the_nanosecond():
    story = Story().opens()
    late = story.call((1105, 1112), process=1, entered=1109.999)
    story.comes_back()
    finding = judged(story)
    assert finding.verdict is Verdict.INVALID
    assert finding.proof == (late,)


def test_a_refused_retry_of_a_call_that_was_sent_is_no_rejection():
    story = Story().opens()
    story.op("write", "k", at=(60, 130), outcome="unknown", error="CircuitBreakerError: open", attempts=1, process=1)
    story.rejected(500)
    story.comes_back()
    finding = judged(story)
    assert finding.verdict is Verdict.VALID
    assert finding.figures["rejected"] == 1


def test_a_rejection_under_another_name_is_told_by_parameter_or_by_meta():
    for by, more in (((), {"meta": {"rejected": True}}), (("Unavailable",), {})):
        story = Story().opens()
        story.comes_back()
        call = story.rejected(1500, error="mybot.Unavailable: redis", **more)
        finding = judged(story, rejected_by=by or ("CircuitBreakerError",))
        assert finding.verdict is Verdict.INVALID, more
        assert finding.proof == (call,)


def test_a_rejection_just_before_the_event_of_the_opening_is_its_race():
    story = Story()
    story.call((0, 1))
    story.rejected(98)
    story.turns(100, "closed", "open", "failures")
    story.comes_back()
    assert judged(story).verdict is Verdict.VALID
    assert judged(story, skew_ms=0).verdict is Verdict.INVALID


def test_probes_one_after_the_other_are_too_many_unless_only_those_at_once_count():
    story = Story().opens()
    story.half_opens(1110)
    probes = [story.call((1110, 1120)), story.call((1130, 1140))]
    story.closes(1141)
    finding = judged(story)
    assert finding.verdict is Verdict.INVALID
    assert finding.proof == tuple(probes)
    assert judged(story, at_once=True).verdict is Verdict.VALID
    assert judged(story, probes=2).verdict is Verdict.VALID


def test_probes_at_the_same_time_are_at_once():
    story = Story().opens()
    story.half_opens(1110)
    probes = [story.call((1110, 1135)), story.call((1130, 1140), process=1)]
    story.closes(1141)
    finding = judged(story, at_once=True)
    assert finding.verdict is Verdict.INVALID
    assert finding.proof == tuple(probes)


def test_the_proof_of_too_many_probes_is_one_more_than_allowed():
    story = Story().opens()
    story.half_opens(1110)
    for process in range(8):
        story.call((1110 + process, 1130), process=process)
    story.closes(1141)
    finding = judged(story, probes=3)
    assert len(finding.proof) == 4


@pytest.mark.parametrize(("left_at", "verdict"), [(1299, Verdict.VALID), (1301, Verdict.INVALID)])
def test_the_tolerance_runs_from_the_first_call_after_the_time_out(left_at, verdict):
    story = Story().opens()
    story.rejected(500)
    call = story.rejected(1200)
    story.comes_back(left_at)
    finding = judged(story)
    assert finding.verdict is verdict
    assert finding.proof == ((call,) if verdict is Verdict.INVALID else ())


def test_a_breaker_that_nobody_calls_may_stay_open():
    story = Story().opens()
    story.rejected(500)
    story.comes_back(60_000)
    assert judged(story).verdict is Verdict.VALID


def test_without_a_time_out_it_is_not_judged_and_said_so():
    story = Story().opens()
    story.rejected(500)
    story.comes_back(60_000)
    finding = checks.breaker_follows_its_automaton()(story.build())
    assert finding.verdict is Verdict.VALID
    assert finding.summary.endswith("its time-out is not known")


def test_a_failure_of_the_closed_spell_itself_opens_it_rightly():
    story = Story().opens()
    story.half_opens(1110)
    story.fails((1110, 1700), process=7)
    story.call((1111, 1112))
    story.closes(1113)
    story.fails((1650, 1701))
    story.turns(1701, "closed", "open", "failures")
    story.rejected(1750)
    assert judged(story, probes=2).verdict is Verdict.VALID


@pytest.mark.parametrize("cause", ["failures", None, "TimeoutError"])
def test_a_late_probe_that_opens_a_closed_breaker_is_found_without_the_cause_saying_so(cause):
    story = Story().opens()
    story.half_opens(1110)
    late = story.fails((1110, 1700), process=7)
    story.call((1111, 1112))
    story.closes(1113)
    story.call((1650, 1651))
    story.turns(1701, "closed", "open", cause)
    story.rejected(1750)
    finding = judged(story, probes=2)
    assert finding.verdict is Verdict.INVALID
    assert finding.proof == (late,)


def test_a_transition_that_names_its_operation_blames_it():
    story = Story().opens()
    story.half_opens(1110)
    late = story.fails((1110, 1700), process=7)
    story.call((1111, 1112))
    story.closes(1113)
    story.fails((1650, 1702))
    story.turns(1701, "closed", "open", "failures", op=late)
    story.rejected(1750)
    assert judged(story, probes=2).proof == (late,)


def test_calls_of_two_breakers_are_told_apart():
    story = Story().opens()
    story.turns(110, "closed", "open", "failures", breaker="other")
    story.rejected(500, meta={"breaker": "redis"})
    history = story.build()
    assert [event.data["id"] for event in history.events_named("breaker")] == ["redis", "other"]
    assert CHECK(history).verdict is Verdict.UNKNOWN


def test_a_call_through_another_breaker_is_no_violation():
    story = Story()
    story.call((0, 1), meta={"breaker": "a"})
    for at, name in ((100, "a"), (2000, "b")):
        story._seq = 0
        story.turns(at, "closed", "open", "failures", breaker=name)
        story.rejected(at + 10, meta={"breaker": name})
        if name == "a":
            story.call((at + 20, at + 21), meta={"breaker": "b"})
        story.turns(at + 1010, "open", "half-open", "elapsed", breaker=name)
        story.call((at + 1010, at + 1011), meta={"breaker": name})
        story.turns(at + 1012, "half-open", "closed", "success", breaker=name)
    assert judged(story).verdict is Verdict.VALID


def test_pings_of_the_harness_and_final_reads_pass_no_breaker():
    story = Story().opens()
    story.op("PING", at=(300, 301), process=4)
    story.rejected(500)
    story.comes_back()
    story.read("k", 1, at=(3000, 3001), final=True)
    assert judged(story).verdict is Verdict.VALID


@pytest.mark.parametrize(
    "wrong",
    [{"timeout_s": 0}, {"probes": 0}, {"tolerance_ms": -1}, {"skew_ms": -1}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_limits_that_no_breaker_has_are_refused(wrong):
    with pytest.raises(UsageError):
        checks.breaker_follows_its_automaton(**wrong)


def test_a_state_that_no_breaker_has_is_unknown():
    story = Story().opens()
    story.turns(500, "open", "disabled", "?")
    story.rejected(600)
    finding = judged(story)
    assert finding.verdict is Verdict.UNKNOWN
    assert "a state that no breaker has" in finding.summary


def test_events_without_numbers_are_taken_by_time():
    story = Story()
    story.call((0, 1))
    for at, source, target in ((100, "closed", "open"), (1110, "open", "half-open"), (1115, "half-open", "closed")):
        story.event("breaker", "subject", at=at, data={"id": "redis", "from": source, "to": target, "cause": None})
    story.rejected(500)
    story.call((1110, 1112))
    assert judged(story).verdict is Verdict.VALID
