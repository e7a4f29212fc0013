from __future__ import annotations

import threading

from pytest_arbredis.subjects import redis_py
from pytest_arbredis.subjects.counting import Meter


def test_a_node_is_tried_once_however_often_and_the_last_comes_last():
    meter = Meter()
    for address in (("a", 1), ("b", 2), ("a", 1), ("a", 1)):
        meter.sent_to(address)
    meter.dialled(("c", 3))
    assert (meter.attempts, meter.tried) == (4, [("b", 2), ("a", 1), ("c", 3)])
    meter.start()
    assert (meter.attempts, meter.tried) == (0, [])


def test_each_thread_has_its_own_count():
    meter = Meter()
    meter.sent_to(("a", 1))
    seen = []
    thread = threading.Thread(target=lambda: seen.append(meter.attempts))
    thread.start()
    thread.join()
    assert (seen, meter.attempts) == ([0], 1)


def test_a_subject_is_a_value_whose_name_says_version_and_construction():
    assert redis_py.sentinel(wait_replicas=2) == redis_py.sentinel(wait_replicas=2)
    assert redis_py.sentinel(wait_replicas=2).name.startswith("redis-py ")
    assert redis_py.sentinel(wait_replicas=2).name.endswith(" Sentinel.master_for, WAIT 2")
    assert redis_py.pool(retries=1).name.endswith(" ConnectionPool, 1 retries")
