"""Convergence: snapshots of the keys of all nodes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.testing.builder import HistoryBuilder

SAME = {"a": ("string", "d1", -1), "b": ("hash", "d2", 5000)}


def snapshots(*others, settled=True) -> HistoryBuilder:
    h = HistoryBuilder()
    if settled:
        h.phase("settled", at=100)
    for number, keys in enumerate((SAME, *others)):
        h.keyspace(f"n{number}", keys, at=200 + number)
    return h


@pytest.mark.parametrize(
    "other",
    [
        {"a": ("string", "d1", -1)},
        SAME | {"c": ("string", "d3", -1)},
        SAME | {"a": ("list", "d1", -1)},
        SAME | {"a": ("string", "other", -1)},
        SAME | {"b": ("hash", "d2", 5001)},
        SAME | {"b": ("hash", "d2", -1)},
        {},
    ],
)
def test_any_difference_is_rejected(other):
    h = snapshots(SAME, other)
    write = h.write("a", "v", at=0)
    finding = checks.replicas_converge()(h.build())
    assert finding.verdict is Verdict.INVALID
    assert finding.figures["differing"] == len(finding.figures["differing_keys"]) == len(finding.lines) > 0
    assert finding.proof == ((write,) if "a" in finding.figures["differing_keys"] else ())


def test_equal_nodes_are_accepted():
    finding = checks.replicas_converge(nodes=("n0", "n1", "n2"))(snapshots(SAME, SAME).build())
    assert finding.verdict is Verdict.VALID
    assert finding.summary == "0 of 2 keys differ between n0, n1, n2"


def test_a_millisecond_between_expire_times_is_allowed_on_request():
    h = snapshots(SAME | {"b": ("hash", "d2", 5001)})
    assert checks.replicas_converge(expire_within_ms=1)(h.build()).verdict is Verdict.VALID
    gone = snapshots(SAME | {"b": ("hash", "d2", -1)})
    assert checks.replicas_converge(expire_within_ms=10_000)(gone.build()).verdict is Verdict.INVALID


def test_the_last_snapshot_of_a_node_counts():
    h = snapshots({})
    h.keyspace("n1", SAME, at=500)
    assert checks.replicas_converge()(h.build()).verdict is Verdict.VALID


def test_too_little_to_compare_is_unknown():
    empty = HistoryBuilder()
    empty.phase("settled", at=0)
    for node in ("n0", "n1"):
        empty.keyspace(node, {}, at=1)
    unsampled = snapshots(SAME)
    unsampled.replication("n2", role="slave", replid="A", offset=1, at=10)
    before = HistoryBuilder()
    before.keyspace("n0", SAME, at=1)
    before.keyspace("n1", SAME, at=1)
    before.phase("settled", at=2)
    for h in (snapshots(), snapshots(SAME, settled=False), empty, unsampled, before):
        assert checks.replicas_converge()(h.build()).verdict is Verdict.UNKNOWN
    assert checks.replicas_converge(nodes=("n0", "n1", "n2"))(snapshots(SAME).build()).verdict is Verdict.UNKNOWN


def test_a_single_node_is_refused_at_definition():
    with pytest.raises(UsageError, match="name two nodes"):
        checks.replicas_converge(nodes=("n0",))


@settings(deadline=None, max_examples=50, database=None)
@given(
    keys=st.dictionaries(
        st.text("aé:\n", max_size=3),
        st.tuples(st.sampled_from(["string", "list"]), st.sampled_from("ab"), st.integers(-1, 3)),
        min_size=1,
        max_size=6,
    ),
    data=st.data(),
)
def test_a_key_taken_from_one_node_is_always_found(keys, data):
    key = data.draw(st.sampled_from(sorted(keys)))
    for other, verdict in ((keys, Verdict.VALID), ({k: v for k, v in keys.items() if k != key}, Verdict.INVALID)):
        h = HistoryBuilder()
        h.phase("settled", at=0)
        h.keyspace("n0", keys, at=1)
        h.keyspace("n1", other, at=1)
        finding = checks.replicas_converge()(h.build())
        assert finding.verdict is verdict
        assert finding.figures["differing_keys"] == ([] if verdict is Verdict.VALID else [key])
