"""All planted bugs."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planted.case import Planted

NAMES = (
    "acknowledges_before_sending",
    "loses_every_nth_write",
    "stale_read_from_a_replica",
    "repeats_what_must_not_be_repeated",
    "waits_on_another_connection",
    "breaker_stays_open",
    "breaker_lets_two_probes_in",
    "late_probe_opens_the_breaker",
    "holds_a_lock_during_the_call",
    "loses_an_update",
    "compares_before_it_sets",
    "queue_drops_on_a_crash",
    "loses_the_time_to_live",
    "reply_shifted_by_one",
    "fencing_by_incr",
    "reports_failure_of_what_was_applied",
    "writes_to_a_replica",
    "asks_sentinels_once",
)
"""Files of this folder, one a bug."""

PLANTED: tuple[Planted, ...] = tuple(importlib.import_module(f"planted.{name}").PLANTED for name in NAMES)
