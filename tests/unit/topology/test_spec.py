"""Topologies are values; what cannot stand or be aimed at is refused where it is written."""

from __future__ import annotations

import pytest

from pytest_arbredis import topologies
from pytest_arbredis.errors import UsageError
from pytest_arbredis.topology.spec import ROLES, Topology, check_target


def test_equal_topologies_share_a_deployment():
    first = topologies.sentinel(conf={"appendonly": "yes", "maxclients": "100"})
    second = topologies.sentinel(replicas=2, sentinels=3, conf={"maxclients": "100", "appendonly": "yes"})
    assert first == second
    assert len({first, second, topologies.sentinel(replicas=1), topologies.single()}) == 3


@pytest.mark.parametrize(("sentinels", "quorum"), [(1, 1), (2, 2), (3, 2), (5, 3)])
def test_the_quorum_is_a_majority(sentinels, quorum):
    assert topologies.sentinel(sentinels=sentinels).quorum == quorum


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Topology(kind="ring"), "unknown topology 'ring'.*sentinel, single"),
        (lambda: topologies.sentinel(timing="slow"), "unknown timing 'slow'.*fast, production"),
        (lambda: topologies.sentinel(replicas=0), "cannot fail over"),
        (lambda: topologies.sentinel(sentinels=0), "cannot fail over"),
        (lambda: topologies.sentinel(replicas=-1), "replicas=-1"),
        (lambda: topologies.sentinel(replicas=99), "replicas=99"),
        (lambda: topologies.sentinel(sentinels=99), "sentinels=99"),
        (lambda: Topology(kind="single", replicas=1), "a single topology has no replicas"),
    ],
)
def test_what_cannot_stand_is_refused(make, said):
    with pytest.raises(UsageError, match=f"(?s){said}"):
        make()


@pytest.mark.parametrize("target", [*ROLES, "n0", "n12", "s3"])
def test_roles_and_nodes_are_targets(target):
    assert check_target(target) == target


@pytest.mark.parametrize("target", ["", "n", "primry", "n-1", "master", "s1x"])
def test_what_names_nobody_is_refused_with_the_known_names(target):
    with pytest.raises(UsageError, match=r"(?s)unknown target.*crashed.*primary.*replicas.*sentinels"):
        check_target(target)
