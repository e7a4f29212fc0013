"""Fixed ports as people write them, by an option that is repeated, a variable or an ini value."""

from __future__ import annotations

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.topology.fixed_ports import parse_ports
from pytest_arbredis.topology.means import Means


@pytest.mark.parametrize(
    ("texts", "ports"),
    [
        ([], ()),
        ([""], ()),
        (["primary=6379"], (("primary", 6379),)),
        (["s1=26380", "primary=6379", "primary=6379"], (("primary", 6379), ("s1", 26380))),
        (["primary=6379, s1=26380"], (("primary", 6379), ("s1", 26380))),
        (["primary=6379\ns1=26380"], (("primary", 6379), ("s1", 26380))),
    ],
)
def test_ports_are_read_in_whatever_way_several_are_given(texts, ports):
    assert parse_ports(texts, flag="--port") == ports


@pytest.mark.parametrize("text", ["6379", "primary", "=6379", "primary=", "primary=6379x", "primary=-1"])
def test_what_is_no_role_with_a_number_is_refused_with_the_option_that_has_it(text):
    with pytest.raises(UsageError, match=r"(?s)--port '.*use ROLE=N") as caught:
        parse_ports([text], flag="--port")
    assert text in caught.value.cause


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("boss=6379", "unknown role of a fixed port 'boss'"),
        ("primary=70000", "the port of primary is 70000"),
        ("primary=6379,primary=6380", "contradicts another one"),
        ("primary=6379,n0=6380", "contradicts another one"),
        ("primary=6379,s0=6379", "contradicts another one"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_started(text, said):
    with pytest.raises(UsageError, match=said):
        Means(ports=parse_ports([text], flag="--port"))
