"""An answer that contradicts itself is refused where it is made: a history that holds it could not be read."""

from __future__ import annotations

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.protocol import Answer


@pytest.mark.parametrize("confirmed", [0, 2])
def test_what_replicas_confirmed_did_not_fail(confirmed):
    with pytest.raises(UsageError, match="outcome='fail'"):
        Answer(outcome="fail", confirmed=confirmed)
    assert Answer(outcome="unknown", confirmed=confirmed).confirmed == confirmed
