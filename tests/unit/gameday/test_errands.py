"""Errands are done one after the other in one thread; nobody waits for what will not be done."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import HarnessError, UsageError
from pytest_arbredis.gameday.errands import Errands


def test_work_is_done_in_the_thread_that_does_it_and_what_it_raises_goes_back():
    errands = Errands()
    with ThreadPoolExecutor(1) as others:
        asked = others.submit(errands.ask, lambda: {"thread": threading.get_ident()}, within_s=10)
        errands.do_next(within_s=10)
        assert asked.result() == {"thread": threading.get_ident()}
        refused = others.submit(errands.ask, lambda: {}["nothing"], within_s=10)
        errands.do_next(within_s=10)
        with pytest.raises(KeyError):
            refused.result()


def test_what_nobody_waits_for_any_more_is_not_done():
    errands, done = Errands(), []
    with pytest.raises(HarnessError, match="not done within 0 s"):
        errands.ask(lambda: done.append(1) or {}, within_s=0.01)
    errands.do_next(within_s=1)
    assert done == []


def test_ctrl_c_ends_the_thread_that_does_it_and_who_waits_is_told():
    errands = Errands()

    def interrupted():
        raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as others:
        asked = others.submit(errands.ask, interrupted, within_s=10)
        with pytest.raises(KeyboardInterrupt):
            errands.do_next(within_s=10)
        with pytest.raises(UsageError, match="the game day is ending"):
            asked.result()


def test_at_the_end_everybody_who_waits_is_told():
    errands = Errands()
    with ThreadPoolExecutor(2) as others:
        asked = [others.submit(errands.ask, dict, within_s=10) for _ in range(2)]
        wait_until(lambda: errands._waiting.qsize() == 2, within_s=5, what="two errands")
        errands.dismiss()
        for one in asked:
            with pytest.raises(UsageError, match="the game day is ending"):
                one.result()
    assert not errands.open
    with pytest.raises(UsageError):
        errands.ask(dict, within_s=10)
