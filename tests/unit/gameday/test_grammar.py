"""Faults as people type them: what is understood, and what is told of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.crash import Crash
from pytest_arbredis.faults.latency import Latency
from pytest_arbredis.faults.limit_data import LimitData
from pytest_arbredis.faults.registry import FAULTS
from pytest_arbredis.gameday import grammar
from pytest_arbredis.gameday.grammar import duration_s, parse

if TYPE_CHECKING:
    from somewhere import Unknown


@pytest.mark.parametrize(
    ("text", "fault", "target"),
    [
        ("crash primary", Crash(), "primary"),
        ("  latency   n2  ms=200 jitter_ms=50 ", Latency(ms=200, jitter_ms=50), "n2"),
        ("latency 'primary' 'ms=200'", Latency(ms=200), "primary"),
        ("limit_data primary bytes=7 after_handshake=yes", LimitData(bytes=7, after_handshake=True), "primary"),
        ("limit_data s0 after_handshake=Off", LimitData(after_handshake=False), "s0"),
        ("restart", FAULTS["restart"](), "crashed"),
        ("out_of_memory headroom_mb=16", FAULTS["out_of_memory"](headroom_mb=16), "primary"),
    ],
)
def test_a_fault_its_target_and_its_fields_are_read(text, fault, target):
    assert parse(text) == (fault, target)


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_every_fault_can_be_typed_or_says_what_it_needs(name):
    try:
        fault, target = parse(f"{name} n0")
    except UsageError as error:
        assert f"write {name} TARGET " in error.remedy  # noqa: PT017 - one of the two, for every fault
    else:
        assert (fault.name, target) == (name, "n0")


@pytest.mark.parametrize(
    ("text", "cause", "remedy"),
    [
        ("", "no fault was given", "arbredis inject"),
        ("latncy primary", "unknown fault 'latncy'", "crash, "),
        ("latency", "latency on what?", "primary, replicas, sentinels"),
        ("latency everywhere ms=3", "unknown target 'everywhere'", "minority, n0, n1"),
        ("latency primary", "latency needs ms", "latency TARGET ms=INT [jitter_ms=INT]"),
        ("latency primary ms=long", "latency ms='long'", "give INT"),
        ("latency primary ms=1.5", "latency ms='1.5'", "give INT"),
        ("latency primary ms=0", "latency of ms=0", "ms >= 1"),
        ("latency primary ms=1 ms=2", "ms is given twice", "once"),
        ("latency primary delay=1", "unknown field of latency 'delay'", "jitter_ms, ms"),
        ("latency primary 200", "'200' behind the target 'primary'", "latency TARGET ms=INT"),
        ("limit_data primary after_handshake=maybe", "after_handshake='maybe'", "give yes|no"),
        ("crash primary hard=yes", "crash has no field 'hard'", "write crash TARGET"),
        ("crash 'primary", "cannot be read", "arbredis inject"),
    ],
)
def test_what_is_not_understood_is_told_with_what_is_known(text, cause, remedy):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert cause in caught.value.cause
    assert remedy in caught.value.remedy


@dataclass(frozen=True, kw_only=True)
class Typed:
    """A fault of somebody else's."""

    name = "typed"
    how: Literal["softly", "hard"] = "hard"
    share: float = 1.0
    within_s: float | None = None
    word: str = ""


@dataclass(frozen=True, kw_only=True)
class Unresolved:
    """Whose types nobody can look up at run time."""

    name = "unresolved"
    ms: int = 3
    what: Unknown = None


def test_fields_of_every_ordinary_type_are_read(monkeypatch):
    monkeypatch.setattr(grammar, "kind_of", {"typed": Typed, "unresolved": Unresolved}.__getitem__)
    text = "typed n0 how=softly share=.5 within_s=2 word='two words'"
    assert parse(text)[0] == Typed(how="softly", share=0.5, within_s=2.0, word="two words")
    assert parse("typed n0 within_s=none")[0] == Typed()
    assert parse("typed")[1] == "primary"
    assert parse("unresolved n0 ms=4 what=x")[0] == Unresolved(ms=4, what="x")
    with pytest.raises(UsageError, match=r"how='loudly'\n  remedy: give softly\|hard"):
        parse("typed n0 how=loudly")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("500ms", 0.5), ("2m", 120), ("1.5 s", 1.5), ("7", 7), ("1h", 3600), (".5s", 0.5)],
)
def test_durations_are_read_with_their_unit(text, seconds):
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "10 parsecs", "-1s", "0s", "25h", "1e3s", "s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UsageError):
        duration_s(text)
