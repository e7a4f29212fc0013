"""Attribution by offset: n0 dies, n1 is promoted and shares n0's history A up to offset 199."""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.testing.builder import HistoryBuilder


def failover(*, samples=((0, 100), (50, 150), (100, 199), (150, 250)), cut=200) -> HistoryBuilder:
    h = HistoryBuilder()
    for at, offset in samples:
        h.replication("n0", role="master", replid="A", offset=offset, at=at)
        h.replication("n1", role="slave", replid="A", offset=min(offset, 199), at=at)
    if cut is not None:
        h.replication("n1", role="master", replid="B", offset=300, at=1500, replid2="A", second_offset=cut)
    h.replication("n0", role="slave", replid="B", offset=300, at=3000)
    h.phase("settled", at=9000)
    return h


def lose(h: HistoryBuilder, *, at, node="n0", key="lost") -> int:
    lost = h.write(key, "v", at=at, node=node)
    h.read(key, None, at=9001, final=True)
    return lost


def classes(h: HistoryBuilder) -> tuple[int, int, int]:
    figures = checks.acknowledged_writes_survive()(h.build()).figures
    return figures["documented"], figures["unexpected"], figures["undecided"]


DOCUMENTED, UNEXPECTED, UNDECIDED = (1, 0, 0), (0, 1, 0), (0, 0, 1)


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        ((10, 20), UNEXPECTED),
        ((60, 99), UNEXPECTED),
        ((98, 102), UNDECIDED),
        ((101, 102), DOCUMENTED),
        ((160, 170), DOCUMENTED),
        ((1600, 1601), DOCUMENTED),
    ],
)
def test_a_loss_is_classed_by_its_primarys_offset(at, wanted):
    h = failover()
    h.replication("n0", role="master", replid="A", offset=250, at=1590)
    lose(h, at=at)
    assert classes(h) == wanted


def test_a_primary_one_byte_short_of_the_cut_still_counts_as_shared():
    h = failover(samples=((0, 100), (50, 200)), cut=201)
    lose(h, at=(10, 20))
    assert classes(h) == UNEXPECTED


def test_a_primary_that_had_reached_the_cut_documents_what_follows_however_late():
    h = failover(samples=((0, 100), (50, 199), (410, 230)))
    lose(h, at=(400, 401))
    assert classes(h) == DOCUMENTED


def test_a_primary_that_had_one_byte_more_than_the_cut_was_not_shared():
    h = failover(samples=((0, 100), (50, 200)), cut=200)
    lose(h, at=(10, 20))
    assert classes(h) == DOCUMENTED


def test_a_sample_asked_for_before_the_write_completed_proves_nothing_about_it():
    h = failover(samples=((0, 100), (300, 210)))
    lose(h, at=(40, 50))
    data = {"role": "master", "replid": "A", "offset": 199, "asked_ns": 49_000_000}
    h.event("replication", "n0", at=51, data=data)
    assert classes(h) == UNDECIDED
    h.event("replication", "n0", at=52, data=data | {"asked_ns": 50_000_000})
    assert classes(h) == UNEXPECTED


def test_a_primary_that_restarts_from_its_own_file_promises_no_cut():
    h = failover(cut=None)
    h.replication("n0", role="master", replid="B", offset=200, at=1500, replid2="A", second_offset=200)
    lose(h, at=(160, 170))
    assert classes(h) == UNDECIDED


@pytest.mark.parametrize("sampled_ms", [2010, 2020])
def test_what_a_zombie_acknowledges_after_the_promotion_is_documented(sampled_ms):
    h = failover(samples=((0, 100), (50, 150), (sampled_ms, 210)))
    lose(h, at=(2015, 2016))
    assert classes(h) == DOCUMENTED


def test_a_server_that_restarted_with_another_history_leaves_its_last_era_told():
    h = failover()
    h.replication("n0", role="master", replid="Z", offset=0, at=1000)
    lose(h, at=(160, 170))
    assert classes(h) == DOCUMENTED


@pytest.mark.parametrize(("promoted_again", "wanted"), [(False, DOCUMENTED), (True, UNDECIDED)])
def test_an_old_primary_that_came_back_behind_another_ones_back_loses_what_it_takes(promoted_again, wanted):
    h = failover()
    if promoted_again:  # then it is the rightful primary, and nothing explains the loss
        h.replication("n0", role="master", replid="D", offset=400, at=2000, replid2="B", second_offset=390)
    for at in (2100, 2150, 2200):
        h.replication("n0", role="master", replid="C", offset=at, at=at)
    lose(h, at=(2140, 2160))
    assert classes(h) == wanted


def test_a_write_between_two_histories_of_its_primary_is_undecided():
    h = failover()
    h.replication("n0", role="master", replid="Z", offset=0, at=200)
    lose(h, at=(160, 170))
    assert classes(h) == UNDECIDED


def test_nothing_is_concluded_from_a_sample_long_ago():
    h = failover(samples=((0, 100), (810, 300)))
    lose(h, at=(800, 801))
    assert classes(h) == UNDECIDED


@pytest.mark.parametrize("missing", ["cut", "samples", "node"])
def test_without_a_cut_samples_or_node_a_loss_is_undecided(missing):
    h = failover(cut=None if missing == "cut" else 200, samples=() if missing == "samples" else ((0, 100), (50, 199)))
    lose(h, at=(10, 20), node=None if missing == "node" else "n0")
    assert classes(h) == UNDECIDED


def test_a_loss_before_a_survivor_of_the_same_primary_is_unexpected():
    h = failover()
    lose(h, at=(110, 111))
    h.write("later", "v", at=(112, 113), node="n0")
    h.read("later", "v", at=9002, final=True)
    assert classes(h) == UNEXPECTED


@pytest.mark.parametrize(
    "survivor",
    [
        {"at": (110.5, 113), "node": "n0"},
        {"at": (2000, 2001), "node": "n1"},
        {"at": (112, 113), "node": "n0", "attempts": 2},
        {"at": (112, 113), "node": "n0", "tried": ["n1", "n0"]},
    ],
)
def test_a_survivor_that_proves_no_order_changes_nothing(survivor):
    h = failover()
    lose(h, at=(110, 111))
    h.write("later", "v", **survivor)
    h.read("later", "v", at=9002, final=True)
    assert classes(h) == DOCUMENTED


def test_the_deeper_of_two_promotions_is_the_cut():
    h = failover(cut=200)
    h.replication("n2", role="master", replid="C", offset=400, at=4000, replid2="A", second_offset=151)
    lose(h, at=(70, 80))
    assert classes(h) == DOCUMENTED


def test_an_unexpected_loss_is_not_documented():
    h = failover()
    lost = lose(h, at=(10, 20))
    finding = checks.losses_are_documented()(h.build())
    assert finding.verdict is Verdict.INVALID
    assert finding.proof == (lost, lost + 1)
    assert "0 documented, 1 unexpected, 0 undecided" in finding.summary


def test_documented_losses_are_accepted_with_their_count():
    h = failover()
    lose(h, at=(160, 170))
    finding = checks.losses_are_documented()(h.build())
    assert finding.verdict is Verdict.VALID
    assert "1 of 1 acknowledged writes lost; by replication offset: 1 documented" in finding.summary
    assert any("n1 was promoted" in line and "199" in line for line in finding.lines)


def test_an_undecided_loss_leaves_the_verdict_open():
    h = failover()
    lose(h, at=(98, 102))
    assert checks.losses_are_documented()(h.build()).verdict is Verdict.UNKNOWN


def test_no_loss_is_documented_but_no_write_is_not():
    h = failover()
    assert checks.losses_are_documented()(h.build()).verdict is Verdict.UNKNOWN
    h.write("k", "v", at=(0, 1), node="n0")
    assert checks.losses_are_documented()(h.build()).verdict is Verdict.UNKNOWN
    h.read("k", "v", at=9001, final=True)
    assert checks.losses_are_documented()(h.build()).verdict is Verdict.VALID


def test_a_hazard_without_a_loss_is_not_shown():
    h = failover()
    h.write("k", "v", at=(0, 1), node="n0")
    h.read("k", "v", at=9001, final=True)
    finding = checks.writes_are_lost()(h.build())
    assert finding.verdict is Verdict.UNKNOWN
    assert "0 shown, at least 1 wanted" in finding.summary


def test_a_loss_that_nothing_explains_shows_no_hazard():
    h = failover(cut=None)
    lose(h, at=(160, 170))
    assert checks.writes_are_lost()(h.build()).verdict is Verdict.UNKNOWN


def test_a_loss_in_kept_data_shows_the_hazard():
    h = failover(cut=None)
    lost = lose(h, at=(160, 170))
    h.kept("n0", {"lost": "v"}, at=2000)
    finding = checks.writes_are_lost()(h.build())
    assert finding.verdict is Verdict.VALID
    assert finding.proof == (lost,)


def test_a_documented_loss_shows_the_hazard_but_not_a_bigger_one():
    h = failover()
    lose(h, at=(160, 170))
    assert checks.writes_are_lost()(h.build()).verdict is Verdict.VALID
    assert checks.writes_are_lost(at_least=2)(h.build()).verdict is Verdict.UNKNOWN


def test_an_unexpected_loss_shows_another_hazard():
    h = failover()
    lose(h, at=(10, 20))
    h.kept("n0", {"lost": "v"}, at=2000)
    assert checks.writes_are_lost()(h.build()).verdict is Verdict.UNKNOWN


def test_a_hazard_of_no_writes_is_refused_at_definition():
    with pytest.raises(UsageError, match="use 1 or more"):
        checks.writes_are_lost(at_least=0)
