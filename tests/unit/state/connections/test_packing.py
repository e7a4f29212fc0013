"""Commands as bytes: with hiredis or without, the same."""

from __future__ import annotations

from enum import IntEnum, StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_arbredis.state.connections import packing
from pytest_arbredis.state.errors import MisuseError

ARGS = st.lists(st.text() | st.binary() | st.integers() | st.floats(), min_size=1).map(lambda args: ("SET", *args))


@given(ARGS)
def test_both_packers_agree(args):
    hiredis = pytest.importorskip("hiredis")
    assert packing._pack(args) == hiredis.pack_command(args)


class Word(StrEnum):
    GET = "GET"


class Number(IntEnum):
    ONE = 1


def test_subclasses_are_what_they_are_based_on():
    assert packing.pack([(Word.GET, Number.ONE, bytearray(b"x"))]) == b"*3\r\n$3\r\nGET\r\n$1\r\n1\r\n$1\r\nx\r\n"


def test_a_command_of_two_words_is_taken_apart():
    assert packing.pack([("CONFIG GET", "x y")]) == b"*3\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n$3\r\nx y\r\n"


@pytest.mark.parametrize("wrong", [None, True, object(), [1], {}])
def test_what_is_no_text_bytes_or_number_is_refused(wrong):
    with pytest.raises(MisuseError):
        packing.pack([("SET", "k", wrong)])
