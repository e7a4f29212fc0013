"""One undo of several tries each, raises the first error, and tries again only what failed."""

from __future__ import annotations

import pytest

from pytest_arbredis.errors import ControlError
from pytest_arbredis.faults.fault import undoing_all


def test_every_part_is_tried_in_reverse_and_only_what_failed_again():
    done = []
    failing = {"b"}

    def part(name):
        def undo():
            done.append(name)
            if name in failing:
                raise ControlError(f"{name} fails")

        return undo

    undo = undoing_all([part("a"), part("b"), part("c")])
    with pytest.raises(ControlError, match="b fails"):
        undo()
    assert done == ["c", "b", "a"]
    with pytest.raises(ControlError, match="b fails"):
        undo()
    failing.clear()
    undo()
    undo()
    assert done == ["c", "b", "a", "b", "b"]
