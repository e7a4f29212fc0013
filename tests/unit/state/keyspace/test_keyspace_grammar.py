"""Keys are built, parsed and matched by one grammar: what is built is read back, and by one pattern only."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_arbredis.state.errors import KeyRefusedError
from pytest_arbredis.state.keyspace.parts import MEMBERS, NOT_FOR, TAKEN, UPPER_CASE, wrong_with
from pytest_arbredis.state.keyspace.patterns import ALL, SESSION, pattern_of

LITERALS = sorted({word for pattern in ALL for word in re.split(r"[:{}]", pattern.grammar) if word})


def values_of(name):
    """Parts that the grammar allows, words of other patterns often among them."""
    if name in MEMBERS:
        return st.sampled_from(MEMBERS[name])
    texts = st.one_of(st.sampled_from(LITERALS), st.text(min_size=1, max_size=12))
    texts = texts.map(str.upper) if name in UPPER_CASE else texts
    return texts.filter(lambda text: not wrong_with(name, text))


@st.composite
def built(draw):
    pattern = draw(st.sampled_from(ALL))
    parts = {name: draw(values_of(name)) for name in pattern.parts if name != "rest"}
    rest = draw(st.lists(values_of("rest"), min_size=1, max_size=3)) if "rest" in pattern.parts else []
    return pattern, parts, rest


@given(built())
def test_a_key_gives_its_parts_back(case):
    pattern, parts, rest = case
    expected = {**parts, "rest": ":".join(rest)} if rest else parts
    assert pattern.parse(pattern.key(*rest, **parts)) == expected


@given(built())
def test_a_key_belongs_to_the_pattern_that_built_it_and_to_no_other(case):
    pattern, parts, rest = case
    key = pattern.key(*rest, **parts)
    assert [other.grammar for other in ALL if other.parse(key) is not None] == [pattern.grammar]
    assert pattern_of(key) == (pattern, pattern.parse(key))


@given(built(), st.data())
def test_a_glob_matches_what_is_built(case, data):
    pattern, parts, rest = case
    kept = data.draw(st.sets(st.sampled_from(sorted(parts)))) if parts else set()
    glob = pattern.glob(**{name: parts[name] for name in kept})
    assert fnmatch.fnmatchcase(pattern.key(*rest, **parts), glob)


@given(
    st.sampled_from([pattern for pattern in ALL if pattern.parts]),
    st.sampled_from(
        ["", " ", "a b", "a/b", "a:b", "a\x00", "a\n", "*", "a?", "[a]", "a\\", "\ud800", "x" * 257, "\x85"]
    ),
    st.data(),
)
def test_a_bad_part_is_refused_and_named(pattern, bad, data):
    name = data.draw(st.sampled_from(pattern.parts))
    parts = {other: data.draw(values_of(other)) for other in pattern.parts if other not in {name, "rest"}}
    rest = ["r"] if "rest" in pattern.parts else []
    if name == "rest":
        rest = [bad]
    else:
        parts[name] = bad
    with pytest.raises(KeyRefusedError, match=re.escape(repr(name))):
        pattern.key(*rest, **parts)


@pytest.mark.parametrize(
    "parts",
    [
        {"env": "prod", "session_id": "s", "category": "session"},
        {"env": "paper", "session_id": "s", "category": "orders"},
        {"env": "paper", "session_id": "s"},
        {"env": "paper", "session_id": "s", "category": "session", "more": "x"},
        {"env": "paper", "session_id": 7, "category": "session"},
    ],
)
def test_an_unknown_member_or_part_is_refused(parts):
    with pytest.raises(KeyRefusedError):
        SESSION.key(**parts)


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_belongs_to_no_pattern(text):
    found = pattern_of(text)
    if found is not None:
        pattern, parts = found
        rest = parts.pop("rest", "")
        assert pattern.key(*rest.split(":") if rest else (), **parts) == text


def test_no_exchange_is_called_what_another_pattern_begins_with():
    assert {pattern.word for pattern in ALL if pattern.word} <= TAKEN


def test_reserved_words_are_for_parts_that_exist():
    assert set(NOT_FOR) <= {name for pattern in ALL for name in pattern.parts}
