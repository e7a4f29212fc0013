from __future__ import annotations

from itertools import combinations

import pytest

from pytest_arbredis.report.chart import LEFT, RIGHT, chart_of
from pytest_arbredis.report.scale import Linear, Logarithmic, ticks
from pytest_arbredis.report.timeline import timeline_of


@pytest.fixture
def chart(failover_history):
    return chart_of(timeline_of(failover_history))


def test_everything_is_inside_the_picture(chart):
    for box in (*chart.flags, *chart.faults, *chart.roles, *chart.hovers):
        assert LEFT <= box.x <= RIGHT
        assert 0 <= box.y <= chart.height
        assert box.kind in ("role", "sentinel") or box.x + box.w <= RIGHT + 2


def test_labels_of_events_do_not_cover_one_another(chart):
    assert len(chart.flags) == 6
    for one, other in combinations(chart.flags, 2):
        if one.y == other.y:
            left, right = sorted((one, other), key=lambda box: box.x)
            assert left.x + left.w <= right.x


def test_a_fault_lies_where_it_was_in_force(chart):
    crash, restart = chart.faults
    seconds = {tick.label: tick.at for tick in chart.seconds}
    assert crash.x == seconds["2 s"]
    assert crash.x + crash.w == pytest.approx(seconds["6 s"])
    assert restart.x == seconds["6 s"]


def test_the_chart_is_described_for_those_who_cannot_see_it(chart):
    assert "4422 ok, 426 fail, 152 unknown" in chart.description
    assert "crash primary" in chart.description


def test_a_linear_scale_holds_what_is_outside_at_its_edge():
    scale = Linear(0, 10, 100, 200)
    assert (scale(-5), scale(0), scale(5), scale(99)) == (100, 100, 150, 200)


def test_a_logarithmic_scale_spans_whole_powers_of_ten():
    scale = Logarithmic(0.2, 1300, 100, 0)
    assert scale.powers() == pytest.approx((0.1, 1, 10, 100, 1000, 10000))
    assert scale(0.1) == 100
    assert scale(10000) == 0
    assert scale(0) == 100


@pytest.mark.parametrize(
    ("most", "expected"), [(10, (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)), (0.3, tuple(n / 20 for n in range(7)))]
)
def test_ticks_are_round(most, expected):
    assert ticks(0, most, about=10 if most == 10 else 6) == pytest.approx(expected)
